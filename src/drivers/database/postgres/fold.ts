// Folding: committed batches become rows of artifacts, roles and garbage, in slices.
//
// A slice is one transaction, of a few statements whatever its size. How far a batch is folded stands
// in its own row (phase and cursor), written in the same transaction, so that a slice counts exactly
// once however often fold is cut off. A commit could fold at once here, where a large transaction
// blocks no reader; but it would hold the publisher's row meanwhile, and with it the lease (ADR 0008).

import type { Lease } from "../../../ports/database.ts";
import { undoCutSlice } from "./batch.ts";
import { fence } from "./lease.ts";
import { addGarbage, PUT_ROLES } from "./role.ts";
import type { Now, Row, Sessions, Sql } from "./sessions.ts";

interface Slice {
  /** Rows touched. */
  readonly rows: number;
  /** Where the phase goes on; undefined: it is done. */
  readonly cursor: string | undefined;
}

type Phase = (sql: Sql, batch: Row, cursor: string, limit: number) => Promise<Slice>;

const PHASES: readonly Phase[] = [foldChanges, foldRoles, foldPlan, forgetResults, foldMoves, retireRoles];

/** Rows a transaction of folding touches: so long whoever publishes waits for the publisher's row. */
const FOLD_SLICE = 2_000;

/** At most `limit` rows, in transactions of at most a slice. `cuts`: whether the caller is cutting a batch, which is nobody's to undo. */
export async function fold(db: Sessions, lease: Lease, limit: number, cuts: () => boolean, now: () => Now): Promise<{ readonly remaining: boolean }> {
  for (let left = Math.max(limit, 1); ; left -= FOLD_SLICE) {
    const { remaining } = await db.transaction(async (sql) => {
      await fence(sql, lease, now());
      // Asked under the lock: a cut whose first slice is seen here has begun.
      if (!cuts()) await undoCutSlice(sql);
      return foldRows(sql, Math.min(left, FOLD_SLICE));
    });
    if (!remaining || left <= FOLD_SLICE) return { remaining };
  }
}

/** Inside a fenced transaction: at most `limit` rows. */
export async function foldRows(sql: Sql, limit: number): Promise<{ readonly remaining: boolean }> {
  let left = limit;
  while (left > 0) {
    const batch = await sql.row(
      "SELECT no, fold_phase, fold_cursor, garbage_not_before_ms, snapshot_version, first_version, committed_ms FROM batch WHERE fold_phase IS NOT NULL ORDER BY seq LIMIT 1",
    );
    if (!batch) break;
    let phase = Number(batch["fold_phase"]);
    let cursor = String(batch["fold_cursor"]);
    for (let step = PHASES[phase]; left > 0 && step !== undefined; step = PHASES[phase]) {
      const slice = await step(sql, batch, cursor, left);
      left -= slice.rows;
      cursor = slice.cursor ?? "";
      if (slice.cursor === undefined) phase += 1;
    }
    if (phase < PHASES.length) await sql.run("UPDATE batch SET fold_phase = $2, fold_cursor = $3 WHERE no = $1", batch["no"], phase, cursor);
    else await sql.run("UPDATE batch SET fold_phase = NULL, fold_cursor = NULL, roles = '{}', retired_roles = NULL, terms = NULL WHERE no = $1", batch["no"]);
  }
  if (left > 0) await forgetChanges(sql, left);
  const more = await sql.row(
    "SELECT EXISTS (SELECT 1 FROM batch WHERE fold_phase IS NOT NULL) OR EXISTS (SELECT 1 FROM task WHERE forget) AS more",
  );
  return { remaining: more?.["more"] === true };
}

/**
 * Applies the batch's changes, of one path the last; a task none of whose changes is open any more, and that has its
 * result, may be forgotten. Of an import nothing is kept but what was set aside: a million rows would be looked for again at its end.
 */
async function foldChanges(sql: Sql, batch: Row, cursor: string, limit: number): Promise<Slice> {
  const rows = await sql.rows(
    `WITH slice AS MATERIALIZED (
       SELECT no, owner, kind, coalesce(cut_role, role) AS role, path, fragment, outcome, run FROM change WHERE batch = $1 AND no > $2 ORDER BY no LIMIT $3),
     last AS MATERIALIZED (
       SELECT DISTINCT ON (role, path) role, path, kind, fragment FROM slice WHERE outcome = 'apply' AND kind IN ('add', 'remove') ORDER BY role, path, no DESC),
     removed AS (
       DELETE FROM artifact a USING last l CROSS JOIN LATERAL (SELECT ctid FROM artifact WHERE role = l.role AND path = l.path OFFSET 0) found
       WHERE l.kind = 'remove' AND a.ctid = found.ctid),
     added AS (
       INSERT INTO artifact (role, path, fragment, published_ms) SELECT role, path, fragment, $4::bigint FROM last WHERE kind = 'add'
       ON CONFLICT (role, path) DO UPDATE SET fragment = excluded.fragment, published_ms = excluded.published_ms),
     imported AS (
       DELETE FROM change WHERE no = ANY (ARRAY(SELECT no FROM slice WHERE run IS NOT NULL AND outcome IS DISTINCT FROM 'set-aside')))
     SELECT owner, count(*) AS changes, max(no) AS last FROM slice GROUP BY owner`, batch["no"], Number(cursor), limit, batch["committed_ms"],
  );
  await countEnded(sql, rows);
  const n = rows.reduce((sum, { changes }) => sum + Number(changes), 0);
  const last = rows.reduce((most, row) => Math.max(most, Number(row["last"])), 0);
  return { rows: n, cursor: n === limit ? String(last) : undefined };
}

/** So many changes of each task have ended; in the order of their numbers, as all do who lock several tasks. */
async function countEnded(sql: Sql, owners: readonly Row[]): Promise<void> {
  await sql.run(
    `WITH locked AS MATERIALIZED (
       SELECT t.no, w.changes FROM unnest($1::bigint[], $2::bigint[]) w(owner, changes) JOIN task t ON t.first_change = w.owner ORDER BY t.no FOR UPDATE OF t)
     SELECT 1 FROM locked`, owners.map(({ owner }) => owner), owners.map(({ changes }) => changes),
  );
  await sql.run(
    `UPDATE task t SET open = t.open - w.changes, forget = (t.open = w.changes AND EXISTS (SELECT 1 FROM result r WHERE r.task = t.no))
     FROM unnest($1::bigint[], $2::bigint[]) w(owner, changes) WHERE t.first_change = w.owner`, owners.map(({ owner }) => owner), owners.map(({ changes }) => changes),
  );
}

/** Roles take their staged results. */
async function foldRoles(sql: Sql, batch: Row, cursor: string, limit: number): Promise<Slice> {
  const row = await sql.row(
    `WITH slice AS MATERIALIZED (
       SELECT r.role, r.version, r.length, r.sha256, r.expires_ms, n.kind, n.parent
       FROM (SELECT role, version, length, sha256, expires_ms FROM batch_result WHERE batch = $2 AND role > $3 ORDER BY role LIMIT $4) r
       LEFT JOIN LATERAL (SELECT kind, parent FROM batch_role WHERE batch = $2 AND name = r.role OFFSET 0) n ON true), ${PUT_ROLES}
     SELECT count(*) AS n, max(role) AS last FROM slice`, batch["garbage_not_before_ms"], batch["no"], cursor, limit,
  );
  const n = Number(row?.["n"]);
  return { rows: n, cursor: n === limit ? String(row?.["last"]) : undefined };
}

/** Names that were planned, and given up for another version. */
async function foldPlan(sql: Sql, batch: Row, cursor: string, limit: number): Promise<Slice> {
  const from = Number(cursor);
  const row = await sql.row(
    `WITH plan AS MATERIALIZED (
       SELECT r.role, b.first_version + $2::bigint + r.place - 1 AS version
       FROM batch b, unnest(b.roles[$2::int + 1 : $2::int + $3::int]) WITH ORDINALITY r(role, place) WHERE b.no = $1),
     given_up AS (
       INSERT INTO garbage (name, role, version, not_before_ms)
       SELECT p.version || '.' || p.role || '.json', p.role, p.version, $4 FROM plan p LEFT JOIN batch_result r ON r.batch = $1 AND r.role = p.role
       WHERE r.version IS DISTINCT FROM p.version AND p.role NOT IN ('root', 'timestamp')
       ON CONFLICT (name) DO UPDATE SET not_before_ms = excluded.not_before_ms)
     SELECT (SELECT count(*) FROM plan) AS n, cardinality(roles) AS roles FROM batch WHERE no = $1`, batch["no"], from, limit, batch["garbage_not_before_ms"],
  );
  const n = Number(row?.["n"]);
  if (n === limit) return { rows: n, cursor: String(from + limit) };
  const planned = Number(batch["first_version"]) + Number(row?.["roles"]);
  if (batch["snapshot_version"] !== planned) await addGarbage(sql, "snapshot", planned, Number(batch["garbage_not_before_ms"]));
  return { rows: n, cursor: undefined };
}

async function forgetResults(sql: Sql, batch: Row, _cursor: string, limit: number): Promise<Slice> {
  const rows = await sql.run(
    "DELETE FROM batch_result WHERE batch = $1 AND role = ANY (ARRAY(SELECT role FROM batch_result WHERE batch = $1 LIMIT $2))", batch["no"], limit,
  );
  if (rows === limit) return { rows, cursor: "" };
  await sql.run("DELETE FROM batch_role WHERE batch = $1", batch["no"]);
  await sql.run("DELETE FROM batch_share WHERE batch = $1", batch["no"]);
  return { rows, cursor: undefined };
}

/** A move that is done goes, so that what remains is where to go on. Moves of one path keep their order: a slice holds one of each. */
async function foldMoves(sql: Sql, batch: Row, _cursor: string, limit: number): Promise<Slice> {
  const rows = await sql.rows("SELECT no, path FROM batch_move WHERE batch = $1 ORDER BY no LIMIT $2", batch["no"], limit);
  const paths = new Set<string>();
  const repeats = rows.findIndex(({ path }) => paths.size === paths.add(String(path)).size);
  const slice = repeats < 0 ? rows : rows.slice(0, repeats);
  if (slice.length > 0) {
    await sql.run(
      `WITH m AS MATERIALIZED (SELECT no, path, from_role, to_role, fragment FROM batch_move WHERE no = ANY($1::bigint[])),
       moved AS (
         INSERT INTO artifact (role, path, fragment, published_ms)
         SELECT m.to_role, m.path, coalesce(m.fragment, a.fragment), CASE WHEN m.fragment IS NULL THEN a.published_ms ELSE $2 END
         FROM m LEFT JOIN LATERAL (SELECT fragment, published_ms FROM artifact WHERE role = m.from_role AND path = m.path OFFSET 0) a ON true
         WHERE m.to_role IS NOT NULL AND coalesce(m.fragment, a.fragment) IS NOT NULL
         ON CONFLICT (role, path) DO UPDATE SET fragment = excluded.fragment, published_ms = excluded.published_ms),
       gone AS (
         DELETE FROM artifact a USING m CROSS JOIN LATERAL (SELECT ctid FROM artifact WHERE role = m.from_role AND path = m.path OFFSET 0) found
         WHERE a.ctid = found.ctid AND m.to_role IS DISTINCT FROM m.from_role)
       DELETE FROM batch_move WHERE no = ANY($1::bigint[])`, slice.map(({ no }) => no), batch["committed_ms"],
    );
  }
  return { rows: slice.length, cursor: rows.length === limit || repeats >= 0 ? "" : undefined };
}

/** So few that they count as one slice. */
async function retireRoles(sql: Sql, batch: Row): Promise<Slice> {
  const rows = await sql.run("UPDATE role SET retired = true WHERE name = ANY((SELECT retired_roles FROM batch WHERE no = $1)::text[])", batch["no"]);
  return { rows, cursor: undefined };
}

/** Deletes the changes of ended tasks. */
async function forgetChanges(sql: Sql, limit: number): Promise<void> {
  let left = limit;
  const whole: number[] = [];
  for (const { no, first_change: first, last_change: last } of await sql.rows("SELECT no, first_change, last_change FROM task WHERE forget ORDER BY no LIMIT $1", limit)) {
    const changes = first === null ? 0 : Number(last) - Number(first) + 1;
    if (changes > left) {
      // Too large for what is left; alone it goes piece by piece.
      if (whole.length > 0) break;
      const gone = await sql.run("DELETE FROM change WHERE no = ANY (ARRAY(SELECT no FROM change WHERE no BETWEEN $1 AND $2 ORDER BY no LIMIT $3))", first, last, left);
      if (gone === left) return;
    }
    whole.push(Number(no));
    left -= Math.max(changes, 1);
    if (left <= 0) break;
  }
  if (whole.length === 0) return;
  await sql.run(`DELETE FROM change WHERE no = ANY (ARRAY(
       SELECT c.no FROM task t CROSS JOIN LATERAL (SELECT no FROM change WHERE no BETWEEN t.first_change AND t.last_change OFFSET 0) c WHERE t.no = ANY($1::bigint[])))`, whole);
  await sql.run("UPDATE task SET forget = false WHERE no = ANY($1::bigint[])", whole);
}
