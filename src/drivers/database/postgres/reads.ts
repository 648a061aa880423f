// Reading. One statement sees one moment, so most reads are one.

import { DatabaseError } from "../../../ports/database.ts";
import type {
  ChangeKind, ChangeOutcome, CommittedHead, Garbage, OpenBatch, OpenChange, PublisherState, RoleRow, SettingValue, SigningEvent, Target,
  TaskKind, TaskRequest, TaskResult, TaskRow,
} from "../../../ports/database.ts";
import { publisherRow } from "./lease.ts";
import type { Cell, Row, Sql } from "./sessions.ts";

export const CHANGE = "c.no, c.kind, c.role, c.path, c.fragment, c.attempts, c.attempts_alone, c.run";
export const ROLE = "name, kind, parent, version, length, sha256, expires_ms, retired";
/** Of a batch `b`: committed, never shown, not folded. */
export const UNSEEN = "b.state = 'committed' AND b.seq > (SELECT visible FROM publisher) AND b.fold_phase = 0 AND b.fold_cursor = ''";
const HEAD = "seq, sha256, timestamp_version, snapshot_version, timestamp, expires_ms";

/** By the indexes of what waits, never through a task's changes: an import has millions, and is asked for again and again. */
const WAITED_FOR = `
  WITH RECURSIVE r(name) AS (
    (SELECT waits FROM change WHERE waits IS NOT NULL AND event IS NULL ORDER BY waits LIMIT 1)
    UNION ALL SELECT (SELECT waits FROM change WHERE waits > r.name AND waits IS NOT NULL AND event IS NULL ORDER BY waits LIMIT 1) FROM r WHERE r.name IS NOT NULL)
  SELECT json_agg(name ORDER BY name) FROM (
    SELECT name FROM r WHERE name IS NOT NULL
      AND EXISTS (SELECT 1 FROM change WHERE waits = r.name AND waits IS NOT NULL AND event IS NULL AND no BETWEEN t.first_change AND t.last_change AND batch IS NULL)
    UNION SELECT c.waits FROM signing_event e JOIN change c ON c.event = e.no AND c.event IS NOT NULL AND c.no BETWEEN t.first_change AND t.last_change
      WHERE c.batch IS NULL AND c.waits IS NOT NULL) w`;

export async function getTask(sql: Sql, id: string): Promise<TaskRow | undefined> {
  const row = await sql.row(
    `SELECT t.kind, t.created_ms, t.request, CASE WHEN r.batch IS NULL OR b.seq <= (SELECT visible FROM publisher) THEN r.body END AS body,
       t.held = 1 AND t.open > 0 AND EXISTS (SELECT 1 FROM change WHERE no BETWEEN t.first_change AND t.last_change AND batch IS NULL) AS held,
       CASE WHEN t.first_change IS NULL OR t.held = 2 THEN NULL ELSE (${WAITED_FOR})::text END AS waits,
       CASE WHEN t.held = 3 THEN t.open END AS remaining
     FROM task t LEFT JOIN result r ON r.task = t.no LEFT JOIN batch b ON b.no = r.batch WHERE t.id = $1`, id,
  );
  return row && {
    id, kind: row["kind"] as TaskKind, createdMs: Number(row["created_ms"]), request: JSON.parse(String(row["request"])) as TaskRequest,
    ...(typeof row["body"] === "string" ? { result: JSON.parse(row["body"]) as TaskResult } : {}),
    held: row["held"] === true,
    waitingFor: typeof row["waits"] === "string" && typeof row["body"] !== "string" ? JSON.parse(row["waits"]) as string[] : [],
    ...(row["remaining"] === null || typeof row["body"] === "string" ? {} : { remaining: Number(row["remaining"]) }),
  };
}

export async function requestsOf(sql: Sql, tasks: readonly string[]): Promise<ReadonlyMap<string, Pick<TaskRow, "kind" | "request">>> {
  const rows = await sql.rows("SELECT id, kind, request FROM task WHERE id = ANY($1::text[])", tasks);
  return new Map(rows.map((row) => [String(row["id"]), { kind: row["kind"] as TaskKind, request: JSON.parse(String(row["request"])) as TaskRequest }]));
}

export async function backlog(sql: Sql): Promise<{ changes: number; bytes: number }> {
  const row = await sql.row("SELECT changes, bytes FROM backlog WHERE id = 1");
  return { changes: Number(row?.["changes"]), bytes: Number(row?.["bytes"]) };
}

export async function setting(sql: Sql, name: string): Promise<SettingValue | undefined> {
  const row = await sql.row("SELECT value FROM setting WHERE name = $1", name);
  return row && JSON.parse(String(row["value"])) as SettingValue;
}

export async function settings(sql: Sql): Promise<Readonly<Record<string, SettingValue>>> {
  const rows = await sql.rows("SELECT name, value FROM setting ORDER BY name");
  return Object.fromEntries(rows.map(({ name, value }) => [String(name), JSON.parse(String(value)) as SettingValue]));
}

export async function envelope(sql: Sql, role: string, version?: number): Promise<{ version: number; bytes: Buffer } | undefined> {
  const row = await sql.row(
    "SELECT version, bytes FROM envelope WHERE role = $1 AND ($2::bigint IS NULL OR version = $2) ORDER BY version DESC LIMIT 1", role, version ?? null,
  );
  return row && { version: Number(row["version"]), bytes: bufferOf(row["bytes"]) };
}

/** Without a role each distinct one is asked for the paths, found by skipping from one to the next. */
export async function listed(sql: Sql, role: string | undefined, paths: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = role === undefined
    ? await sql.rows(
      `WITH RECURSIVE r(name) AS (
         (SELECT role FROM artifact ORDER BY role LIMIT 1)
         UNION ALL SELECT (SELECT role FROM artifact WHERE role > r.name ORDER BY role LIMIT 1) FROM r WHERE r.name IS NOT NULL)
       SELECT DISTINCT a.path FROM r JOIN artifact a ON a.role = r.name AND a.path = ANY($1::text[])`, paths,
    )
    : await sql.rows("SELECT path FROM artifact WHERE role = $1 AND path = ANY($2::text[])", role, paths);
  return new Set(rows.map(({ path }) => String(path)));
}

export async function publisher(sql: Sql): Promise<PublisherState> {
  const row = await publisherRow(sql);
  const code = row["halted_code"];
  return {
    lease: { number: Number(row["lease_number"]), holder: String(row["lease_holder"]), untilMs: Number(row["lease_until_ms"]) },
    seq: Number(row["seq"]), head: String(row["head"]), visible: Number(row["visible"]), counter: Number(row["counter"]), pressedAtMs: Number(row["pressed_at_ms"]),
    ...(typeof code === "string" ? { halted: { code, reason: String(row["halted_reason"]) } } : {}),
  };
}

export async function head(sql: Sql): Promise<CommittedHead | undefined> {
  const row = await sql.row(`SELECT ${HEAD} FROM committed ORDER BY seq DESC LIMIT 1`);
  return row && {
    seq: Number(row["seq"]), sha256: String(row["sha256"]), timestampVersion: Number(row["timestamp_version"]), snapshotVersion: Number(row["snapshot_version"]),
    timestamp: bufferOf(row["timestamp"]), expiresMs: Number(row["expires_ms"]),
  };
}

export async function committed(sql: Sql, sha256: string): Promise<{ seq: number } | undefined> {
  const row = await sql.row("SELECT seq FROM committed WHERE sha256 = $1", sha256);
  return row && { seq: Number(row["seq"]) };
}

export async function waitingRoles(sql: Sql): Promise<readonly string[]> {
  const rows = await sql.rows(
    `WITH RECURSIVE r(name) AS (
       (SELECT waits FROM change WHERE waits IS NOT NULL AND event IS NULL ORDER BY waits LIMIT 1)
       UNION ALL SELECT (SELECT waits FROM change WHERE waits > r.name AND waits IS NOT NULL AND event IS NULL ORDER BY waits LIMIT 1) FROM r WHERE r.name IS NOT NULL)
     SELECT name FROM r WHERE name IS NOT NULL AND EXISTS (SELECT 1 FROM change WHERE waits = r.name AND waits IS NOT NULL AND event IS NULL AND batch IS NULL)`,
  );
  return rows.map(({ name }) => String(name));
}

export async function waitingChanges(sql: Sql, role: string, limit: { changes: number; bytes: number }): Promise<readonly OpenChange[]> {
  const rows = await sql.rows(
    `WITH fitting AS MATERIALIZED (
       SELECT no, task, held FROM (
         SELECT c.no, t.no AS task, t.held = 1 AS held, sum(c.bytes) OVER w AS total, row_number() OVER w AS place
         FROM change c CROSS JOIN LATERAL (SELECT no, held FROM task WHERE first_change = c.owner AND held <> 2 OFFSET 0) t
         WHERE c.waits = $1 AND c.waits IS NOT NULL AND c.event IS NULL AND c.batch IS NULL WINDOW w AS (ORDER BY t.no, c.no)) s
       WHERE place = 1 OR (place <= $2 AND total <= $3))
     SELECT t.id AS task, ${CHANGE}, f.held FROM fitting f
     CROSS JOIN LATERAL (SELECT * FROM change WHERE no = f.no OFFSET 0) c CROSS JOIN LATERAL (SELECT no, id FROM task WHERE no = f.task OFFSET 0) t ORDER BY t.no, c.no`,
    role, limit.changes, limit.bytes,
  );
  return rows.map(openChange);
}

export async function eventChanges(sql: Sql, event: string): Promise<readonly OpenChange[]> {
  const rows = await sql.rows(
    `SELECT t.id AS task, ${CHANGE}, t.held = 1 AS held FROM signing_event e JOIN change c ON c.event = e.no AND c.event IS NOT NULL
     CROSS JOIN LATERAL (SELECT no, id, held FROM task WHERE first_change = c.owner AND held <> 2 OFFSET 0) t
     WHERE e.id = $1 AND c.batch IS NULL ORDER BY t.no, c.no`, event,
  );
  return rows.map(openChange);
}

export async function readTargets(sql: Sql, base: string, roles: readonly string[]): Promise<ReadonlyMap<string, readonly Target[]>> {
  const rows = await sql.rows(
    `SELECT s.head, s.unfolded, a.role, a.path, a.fragment
     FROM (SELECT head, EXISTS (SELECT 1 FROM batch b WHERE fold_phase IS NOT NULL AND (cardinality($2::text[]) = 0
         OR EXISTS (SELECT 1 FROM batch_move m WHERE m.batch = b.no) OR EXISTS (SELECT 1 FROM batch_result r WHERE r.batch = b.no AND r.role = ANY($2::text[])))) AS unfolded
       FROM publisher WHERE id = 1) s
     LEFT JOIN artifact a ON a.role = ANY($2::text[]) AND s.head = $1 AND NOT s.unfolded ORDER BY a.role, a.path`, base, roles,
  );
  if (rows[0]?.["head"] !== base) throw new DatabaseError("stale-base", "the head moved");
  if (rows[0]["unfolded"] === true) throw new DatabaseError("stale-base", "the head is not folded yet");
  const targets = new Map<string, Target[]>(roles.map((role) => [role, []]));
  for (const { role, path, fragment } of rows) if (role !== null) targets.get(String(role))?.push({ path: String(path), fragment: String(fragment) });
  return targets;
}

export async function openBatches(sql: Sql): Promise<readonly OpenBatch[]> {
  const rows = await sql.rows("SELECT id, base, changes FROM batch WHERE state <> 'committed' AND state = 'open' ORDER BY no");
  return rows.map(({ id, base, changes }) => ({ id: String(id), base: String(base), changes: Number(changes) }));
}

export async function taskChanges(sql: Sql, id: string): Promise<readonly (OpenChange & { outcome?: ChangeOutcome })[]> {
  const rows = await sql.rows(
    `SELECT t.id AS task, ${CHANGE}, t.held = 1 AND c.outcome IS NULL AS held, coalesce(c.outcome, CASE WHEN t.held = 2 THEN 'set-aside' END) AS outcome
     FROM task t JOIN change c ON c.no BETWEEN t.first_change AND t.last_change WHERE t.id = $1 ORDER BY c.no`, id,
  );
  return rows.map((row) => ({ ...openChange(row), ...(row["outcome"] === null ? {} : { outcome: row["outcome"] as ChangeOutcome }) }));
}

/** Whether a task has its result, which may be of a batch that is not visible yet. */
const answered = (task: string): string => `EXISTS (SELECT 1 FROM result JOIN task ON task.no = result.task WHERE task.id = ${task})`;

export async function signingStamp(sql: Sql): Promise<string> {
  const rows = await sql.rows(
    `SELECT e.id, e.state, ${answered("e.task")} AS answered,
       (SELECT string_agg(CASE WHEN s.task IS NULL OR ${answered("s.task")} THEN '+' ELSE '-' END, '' ORDER BY s.no) FROM signing_signature s WHERE s.event = e.no) AS signatures
     FROM signing_event e ORDER BY e.no`,
  );
  return rows.map(({ id, state, answered: told, signatures }) => `${String(id)} ${String(state)} ${told === true ? "+" : "-"} ${typeof signatures === "string" ? signatures : ""}`).join("\n");
}

/** Two statements: run where they see one moment. */
export async function signingEvents(sql: Sql): Promise<readonly SigningEvent[]> {
  const events = await sql.rows(
    `SELECT e.no, e.id, e.role, e.kind, e.version, e.state, e.document, e.task, e.started_ms, e.note, e.frozen, e.reason, ${answered("e.task")} AS answered FROM signing_event e ORDER BY e.no`,
  );
  const signatures = await sql.rows(
    `SELECT s.event, s.keyid, s.sig, s.identity, s.bundle, s.task, s.task IS NULL OR ${answered("s.task")} AS answered FROM signing_signature s ORDER BY s.no`,
  );
  return events.map((event) => ({
    id: String(event["id"]), role: String(event["role"]), kind: event["kind"] as SigningEvent["kind"], version: Number(event["version"]),
    state: event["state"] as SigningEvent["state"], document: bufferOf(event["document"]), task: String(event["task"]), startedMs: Number(event["started_ms"]),
    answered: event["answered"] === true,
    signatures: signatures.filter((signature) => signature["event"] === event["no"]).map((signature) => ({
      keyid: String(signature["keyid"]), sig: String(signature["sig"]), identity: String(signature["identity"]),
      ...(typeof signature["bundle"] === "string" ? { bundle: JSON.parse(signature["bundle"]) as SettingValue } : {}),
      ...(typeof signature["task"] === "string" ? { task: signature["task"] } : {}), answered: signature["answered"] === true,
    })),
    ...(typeof event["note"] === "string" ? { note: JSON.parse(event["note"]) as SettingValue } : {}),
    ...(event["frozen"] === null ? {} : { frozen: bufferOf(event["frozen"]) }),
    ...(typeof event["reason"] === "string" ? { reason: event["reason"] } : {}),
  }));
}

export async function roles(sql: Sql): Promise<readonly RoleRow[]> {
  return (await sql.rows(`SELECT ${ROLE} FROM role WHERE kind NOT IN ('root', 'snapshot', 'timestamp')`)).map(roleRow);
}

export async function role(sql: Sql, name: string): Promise<RoleRow | undefined> {
  const row = await sql.row(`SELECT ${ROLE} FROM role WHERE name = $1`, name);
  return row && roleRow(row);
}

export async function rolesExpiringBefore(sql: Sql, beforeMs: number, limit: number): Promise<readonly RoleRow[]> {
  return (await sql.rows(`SELECT ${ROLE} FROM role WHERE NOT retired AND expires_ms < $1 ORDER BY expires_ms LIMIT $2`, Math.ceil(beforeMs), limit)).map(roleRow);
}

export async function firstExpiry(sql: Sql): Promise<ReadonlyMap<RoleRow["kind"], number>> {
  const rows = await sql.rows("SELECT kind, min(expires_ms) AS first FROM role WHERE NOT retired GROUP BY kind");
  return new Map(rows.map(({ kind, first }) => [kind as RoleRow["kind"], Number(first)]));
}

export async function dueGarbage(sql: Sql, nowMs: number, limit: number): Promise<readonly Garbage[]> {
  const rows = await sql.rows(
    `SELECT g.name, g.role, g.version FROM garbage g JOIN role r ON r.name = g.role WHERE g.not_before_ms <= $1 AND g.version < r.version LIMIT $2`, nowMs, limit,
  );
  return rows.map(({ name, role: of, version }) => ({ name: String(name), role: String(of), version: Number(version) }));
}

export function openChange(row: Row): OpenChange {
  return {
    id: Number(row["no"]), task: String(row["task"]), kind: row["kind"] as ChangeKind, role: String(row["role"]), path: String(row["path"]), fragment: String(row["fragment"]),
    attempts: Number(row["attempts"]), attemptsAlone: Number(row["attempts_alone"]), held: row["held"] === true, ...(row["run"] === null ? {} : { imported: true }),
  };
}

export function roleRow(row: Row): RoleRow {
  return {
    role: String(row["name"]), kind: row["kind"] as RoleRow["kind"], parent: String(row["parent"]), version: Number(row["version"]), length: Number(row["length"]),
    sha256: String(row["sha256"]), expiresMs: Number(row["expires_ms"]), retired: row["retired"] === true,
  };
}

function bufferOf(value: Cell | undefined): Buffer {
  if (!Buffer.isBuffer(value)) throw new DatabaseError("damaged", "a stored envelope is no bytea");
  return value;
}
