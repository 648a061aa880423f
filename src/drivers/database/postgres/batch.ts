// A batch: cut, what is staged for it, commit, drop.
//
// What is proportional to the batch is written in slices that count only through the batch's own
// row: `cutting` until all changes are bound, `open` until commit moves the head in one small
// transaction. So the publisher's row is never locked for longer than a slice takes, and the lease
// can be renewed, or judged, in between; each slice is fenced again.

import { DatabaseError } from "../../../ports/database.ts";
import type { Commit, CutChange, Lease, Move, NewBatch, RoleResult } from "../../../ports/database.ts";
import type { Rest } from "../../../ports/rest.ts";
import type { Setting, TaskEnding } from "../common/stored.ts";
import { putEnvelopes, setSettings } from "./envelope.ts";
import { applyEffect, forget } from "./event.ts";
import { allocateVersions, fence, lockBacklog, nudge } from "./lease.ts";
import { putResults } from "./result.ts";
import { leaveBehind, putRoles } from "./role.ts";
import { SLICE } from "./sessions.ts";
import type { Now, Row, Sessions, Sql } from "./sessions.ts";

/** Changes a transaction of a cut binds: who commits meanwhile waits for one. */
const CUT_SLICE = 2_000;

export async function cut(db: Sessions, lease: Lease, batch: NewBatch, rest: Rest | undefined, now: () => Now): Promise<{ readonly firstVersion: number }> {
  let begun: Begun | undefined;
  try {
    for (let from = 0; ; from += CUT_SLICE) {
      const slice = batch.changes.slice(from, from + CUT_SLICE);
      const last = from + CUT_SLICE >= batch.changes.length;
      begun = await db.transaction(async (sql): Promise<Begun> => {
        const { head } = await fence(sql, lease, now());
        const row = begun ?? (await begin(sql, batch, head));
        const { bytes, imported } = await bind(sql, row.no, slice, batch.events ?? []);
        await sql.run("UPDATE batch SET bytes = bytes + $2, imported = imported + $3, state = $4 WHERE no = $1", row.no, bytes, imported, last ? "open" : "cutting");
        return row;
      });
      if (last) return { firstVersion: begun.firstVersion };
      await rest?.();
    }
  } catch (error) {
    // What an earlier slice had bound is given back; where that fails too, the next fold or the next holder of the lease does it.
    if (begun !== undefined) await undoCuts(db, lease, now, begun.no).catch(() => undefined);
    throw error;
  }
}

interface Begun {
  readonly no: number;
  readonly firstVersion: number;
}

/** Its versions lie below those of all that is published while the rest is bound (`rebase`). */
async function begin(sql: Sql, { id, base, changes, roles }: NewBatch, head: Row[string] | undefined): Promise<Begun> {
  if (head !== base) throw new DatabaseError("stale-base", "the head moved");
  const firstVersion = await allocateVersions(sql, roles.length + 2, 0);
  const row = await sql.row(
    "INSERT INTO batch (id, base, state, changes, bytes, first_version, roles) VALUES ($1, $2, 'cutting', $3, 0, $4, $5::text[]) RETURNING no", id, base, changes.length, firstVersion, roles,
  );
  return { no: Number(row?.["no"]), firstVersion };
}

/** Gives back what cuts that were not finished had bound: that one, or all. Nobody has seen them; the caller is not at it any more. */
export async function undoCuts(db: Sessions, lease: Lease, now: () => Now, no?: number): Promise<void> {
  for (let remaining = true; remaining;) {
    remaining = await db.transaction(async (sql) => {
      await fence(sql, lease, now());
      return undoCutSlice(sql, no);
    });
  }
}

/** Inside a fenced transaction. Answers whether there may be more. */
export async function undoCutSlice(sql: Sql, no?: number): Promise<boolean> {
  const batch = await sql.row("SELECT no FROM batch WHERE state <> 'committed' AND state = 'cutting' AND no = coalesce($1::bigint, no) ORDER BY no LIMIT 1", no ?? null);
  if (!batch) return false;
  const unbound = await sql.run(
    "UPDATE change SET batch = NULL, outcome = NULL, cut_role = NULL WHERE no = ANY (ARRAY(SELECT no FROM change WHERE batch = $1 ORDER BY no LIMIT $2))", batch["no"], SLICE,
  );
  if (unbound < SLICE) await sql.run("DELETE FROM batch WHERE no = $1", batch["no"]);
  return true;
}

/**
 * Inside a fenced transaction. Answers the bytes bound, and how many changes of imports. `events`: whose changes may be among them.
 * Rows are looked up by their keys, then taken where they lie: joined by keys, the table may come first, and all that waits
 * be compared with all that is bound.
 */
export async function bind(
  sql: Sql, batch: number, changes: readonly CutChange[], events: readonly string[] | "any",
): Promise<{ readonly bytes: number; readonly imported: number }> {
  if (changes.length === 0) return { bytes: 0, imported: 0 };
  const bound = await sql.row(
    `WITH bound AS (
       UPDATE change c SET batch = $1, outcome = w.outcome, cut_role = nullif(w.role, c.role)
       FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[]) w(no, task, outcome, role)
         CROSS JOIN LATERAL (SELECT first_change FROM task WHERE id = w.task AND held <> 2 OFFSET 0) t
         CROSS JOIN LATERAL (SELECT ctid FROM change WHERE no = w.no AND batch IS NULL AND owner = t.first_change OFFSET 0) found
       WHERE c.ctid = found.ctid
         AND (c.event IS NULL OR $6 OR c.event IN (SELECT e.no FROM signing_event e WHERE e.id = ANY($7::text[]))) RETURNING c.bytes, c.run)
     SELECT count(*) AS n, count(run) AS imported, coalesce(sum(bytes), 0)::bigint AS bytes FROM bound`,
    batch, changes.map(({ id }) => id), changes.map(({ task }) => task), changes.map(({ outcome }) => outcome), changes.map(({ role }) => role), events === "any", events === "any" ? [] : events,
  );
  if (bound?.["n"] !== changes.length) throw new DatabaseError("stale-base", `of ${changes.length} changes only ${String(bound?.["n"])} are still open`);
  return { bytes: Number(bound["bytes"]), imported: Number(bound["imported"]) };
}

/** @throws DatabaseError `stale-base` when it is not open */
export async function openBatch(sql: Sql, id: string): Promise<Row & { readonly no: number }> {
  const row = await sql.row(
    "SELECT no, base, changes, bytes, imported, first_version, EXISTS (SELECT 1 FROM batch_share WHERE batch = b.no AND NOT done) AS shared FROM batch b WHERE id = $1 AND state = 'open'", id,
  );
  if (!row) throw new DatabaseError("stale-base", `batch ${id} is not open`);
  return { ...row, no: Number(row["no"]) };
}

/** In a transaction. What others published since its cut has versions above those of the cut, for all come from one counter. */
export async function rebase(sql: Sql, lease: Lease, id: string, base: string, now: Now): Promise<{ readonly snapshotVersion: number }> {
  const { head } = await fence(sql, lease, now);
  const batch = await openBatch(sql, id);
  if (head !== base) throw new DatabaseError("stale-base", "the head moved");
  if (await sql.row("SELECT 1 FROM batch_share WHERE batch = $1 LIMIT 1", batch.no)) throw new DatabaseError("stale-base", "others press shares of the batch");
  const touched = await sql.row(
    `WITH own AS (SELECT unnest(roles || '{targets}'::text[]) AS name FROM batch WHERE no = $1)
     SELECT own.name FROM own JOIN role ON role.name = own.name WHERE role.version >= $2
     UNION ALL SELECT r.role FROM batch b JOIN batch_result r ON r.batch = b.no WHERE b.fold_phase IS NOT NULL AND r.version >= $2 AND r.role IN (SELECT name FROM own) LIMIT 1`,
    batch.no, batch["first_version"],
  );
  if (touched) throw new DatabaseError("stale-base", `${String(touched["name"])} was published since batch ${id} was cut`);
  const snapshotVersion = await allocateVersions(sql, 2, 0);
  await sql.run("UPDATE batch SET base = $2, snapshot_version = $3 WHERE no = $1", batch.no, base, snapshotVersion);
  return { snapshotVersion };
}

/** What is staged goes in slices, each in a fenced transaction on the batch, which must be open. An empty list is checked too. */
async function staging<T>(db: Sessions, lease: Lease, batch: string, all: readonly T[], now: () => Now, put: (sql: Sql, no: number, slice: readonly T[]) => Promise<void>): Promise<void> {
  for (let from = 0; from === 0 || from < all.length; from += SLICE) {
    await db.transaction(async (sql) => {
      await fence(sql, lease, now());
      const { no } = await openBatch(sql, batch);
      await put(sql, no, all.slice(from, from + SLICE));
    });
  }
}

export const RESULT_COLUMNS = "role, version, length, sha256, expires_ms";

export const resultColumns = (results: readonly RoleResult[]): readonly (readonly unknown[])[] =>
  [results.map(({ role }) => role), results.map(({ version }) => version), results.map(({ length }) => length), results.map(({ sha256 }) => sha256), results.map(({ expiresMs }) => expiresMs)];

export const resultOf = (row: Row): RoleResult =>
  ({ role: String(row["role"]), version: Number(row["version"]), length: Number(row["length"]), sha256: String(row["sha256"]), expiresMs: Number(row["expires_ms"]) });

export function stageResults(db: Sessions, lease: Lease, batch: string, results: readonly RoleResult[], now: () => Now): Promise<void> {
  return staging(db, lease, batch, results, now, async (sql, no, slice) => {
    const columns = resultColumns(slice);
    const staged = await sql.run(
      `INSERT INTO batch_result (batch, ${RESULT_COLUMNS})
       SELECT $1, w.* FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[]) w ON CONFLICT DO NOTHING`, no, ...columns,
    );
    if (staged === slice.length) return;
    const same = await sql.row(
      `SELECT count(*) AS n FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[]) w(role, version, length, sha256, expires_ms)
       JOIN batch_result r ON r.batch = $1 AND r.role = w.role AND r.version = w.version AND r.length = w.length AND r.sha256 = w.sha256 AND r.expires_ms = w.expires_ms`, no, ...columns,
    );
    if (same?.["n"] !== slice.length) throw new DatabaseError("stale-base", `a role was staged already for batch ${batch}, differently`);
  });
}

export function stageMoves(db: Sessions, lease: Lease, batch: string, moves: readonly Move[], now: () => Now): Promise<void> {
  return staging(db, lease, batch, moves, now, async (sql, no, slice) => {
    await sql.run(
      `INSERT INTO batch_move (batch, path, from_role, to_role, fragment)
       SELECT $1, w.path, w.from_role, w.to_role, w.fragment FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY w(path, from_role, to_role, fragment, place) ORDER BY w.place`,
      no, slice.map(({ path }) => path), slice.map(({ from }) => from), slice.map(({ to }) => to ?? null), slice.map(({ fragment }) => fragment ?? null),
    );
  });
}

export function stageTaskResults(db: Sessions, lease: Lease, batch: string, results: readonly TaskEnding[], now: () => Now): Promise<void> {
  return staging(db, lease, batch, lastOfEach(results), now, async (sql, no, slice) => { await putResults(sql, no, slice); });
}

/** Of several for one task the last. */
export const lastOfEach = (results: readonly TaskEnding[]): readonly TaskEnding[] => [...new Map(results.map((result) => [result.task, result])).values()];

export type CommitText = Omit<Commit, "settings"> & { readonly settings: readonly Setting[] };

export async function commit(sql: Sql, lease: Lease, commit: CommitText, now: Now): Promise<{ readonly seq: number }> {
  const publisher = await fence(sql, lease, now);
  await lockBacklog(sql);
  const batch = await openBatch(sql, commit.batch);
  if (publisher["head"] !== commit.base || batch["base"] !== commit.base) throw new DatabaseError("stale-base", "the head moved");
  if (batch["shared"] === true) throw new DatabaseError("stale-base", "a share of the batch is not finished");
  const newRoles = commit.newRoles ?? [];
  const { timestamp, snapshot } = commit;
  const seq = Number(publisher["seq"]) + 1;
  if (newRoles.length > 0) await putNewRoles(sql, batch.no, newRoles);
  await putCommitted(sql, seq, timestamp, snapshot);
  await sql.run("UPDATE publisher SET seq = $1, head = $2, pressed_at_ms = greatest(pressed_at_ms, $3) WHERE id = 1", seq, timestamp.sha256, commit.pressedAtMs);
  await sql.run(
    `UPDATE batch SET state = 'committed', seq = $2, snapshot_version = $3, retired_roles = $4::text[], garbage_not_before_ms = $5, committed_ms = coalesce($6::bigint, now_ms()), fold_phase = 0, fold_cursor = '' WHERE no = $1`,
    batch.no, seq, snapshot.version, commit.retiredRoles ?? [], commit.garbageNotBeforeMs, now,
  );
  await sql.run("UPDATE backlog SET changes = changes - $1, bytes = bytes - $2 WHERE id = 1", Number(batch["changes"]) - Number(batch["imported"]), batch["bytes"]);
  await setSettings(sql, commit.settings);
  await putEnvelopes(sql, commit.envelopes);
  for (const id of commit.endsEvents ?? []) if (!await forget(sql, id, "frozen")) throw new DatabaseError("event-closed", "the signing event is not frozen");
  for (const effect of commit.events ?? []) await applyEffect(sql, effect, "");
  await putRoles(sql, [{ ...snapshot, as: { kind: "snapshot", parent: "" } }, { ...timestamp, as: { kind: "timestamp", parent: "" } }], commit.garbageNotBeforeMs);
  return { seq };
}

export async function putCommitted(sql: Sql, seq: number, timestamp: Commit["timestamp"], snapshot: RoleResult): Promise<void> {
  await sql.run(
    "INSERT INTO committed (seq, sha256, timestamp_version, snapshot_version, timestamp, expires_ms) VALUES ($1, $2, $3, $4, $5, $6)",
    seq, timestamp.sha256, timestamp.version, snapshot.version, Buffer.from(timestamp.bytes.buffer, timestamp.bytes.byteOffset, timestamp.bytes.byteLength), timestamp.expiresMs,
  );
}

async function putNewRoles(sql: Sql, batch: number, roles: NonNullable<Commit["newRoles"]>): Promise<void> {
  await sql.run(
    "INSERT INTO batch_role (batch, name, kind, parent) SELECT $1, w.* FROM unnest($2::text[], $3::text[], $4::text[]) w",
    batch, roles.map(({ name }) => name), roles.map(({ kind }) => kind), roles.map(({ parent }) => parent),
  );
  const missing = await sql.row(
    "SELECT n.name FROM batch_role n WHERE n.batch = $1 AND (SELECT r.version FROM batch_result r WHERE r.batch = $1 AND r.role = n.name) IS NULL LIMIT 1", batch,
  );
  if (missing) throw new Error(`no result is staged for the new role ${String(missing["name"])}`);
}

/**
 * Slices, each complete for the changes it gives back; the batch's row goes last. Cut off halfway, the
 * batch is still open, and dropping it again goes on where it stopped.
 */
export async function dropBatch(db: Sessions, lease: Lease, id: string, died: boolean, now: () => Now): Promise<void> {
  for (let remaining = true; remaining;) {
    remaining = await db.transaction(async (sql) => {
      await fence(sql, lease, now());
      await lockBacklog(sql);
      const batch = await openBatch(sql, id);
      const given = await giveBack(sql, batch.no, died ? 1 : 0, died && batch["changes"] === 1 ? 1 : 0, SLICE);
      if (given === SLICE) return true;
      await sql.run("DELETE FROM result WHERE batch = $1", batch.no);
      // What is finished before this goes with the batch; what comes later finds no share.
      await sql.run("SELECT 1 FROM batch_share WHERE batch = $1 FOR UPDATE", batch.no);
      await leaveBehind(sql, batch.no);
      await sql.run(
        `WITH named AS (
           SELECT r.role, $2::bigint + r.place - 1 AS version FROM batch b, unnest(b.roles || '{snapshot}'::text[]) WITH ORDINALITY r(role, place) WHERE b.no = $1
           UNION SELECT 'snapshot', snapshot_version FROM batch WHERE no = $1 AND snapshot_version IS NOT NULL
           UNION SELECT role, version FROM batch_result WHERE batch = $1)
         INSERT INTO garbage (name, role, version, not_before_ms)
         SELECT version || '.' || role || '.json', role, version, 0 FROM named WHERE role NOT IN ('root', 'timestamp')
         ON CONFLICT (name) DO UPDATE SET not_before_ms = excluded.not_before_ms`, batch.no, batch["first_version"],
      );
      await forgetStaged(sql, batch.no);
      await nudge(sql, "work");
      return false;
    });
  }
}

/** Inside a fenced transaction: the batch and all that was staged for it, but for results of tasks. */
export async function forgetStaged(sql: Sql, batch: number): Promise<void> {
  await sql.run("DELETE FROM batch_share WHERE batch = $1", batch);
  await sql.run("DELETE FROM batch_result WHERE batch = $1", batch);
  await sql.run("DELETE FROM batch_role WHERE batch = $1", batch);
  await sql.run("DELETE FROM batch_move WHERE batch = $1", batch);
  await sql.run("DELETE FROM batch WHERE no = $1", batch);
}

/**
 * Inside a fenced transaction that holds the backlog: at most `limit` changes of the batch are open again, or out of
 * the queue when their task ended meanwhile. Answers how many. `counts-again`: of a batch that was committed; they count as pending again, and what waited waits no more.
 */
export async function giveBack(sql: Sql, batch: number, attempt: number, alone: number, limit: number, back: "was-counted" | "counts-again" = "was-counted"): Promise<number> {
  const rows = await sql.rows(
    `WITH given AS (
       UPDATE change SET batch = NULL, outcome = NULL, cut_role = NULL, attempts = attempts + $2, attempts_alone = attempts_alone + $3,
         waits = CASE WHEN $5 THEN NULL ELSE waits END, event = CASE WHEN $5 THEN NULL ELSE event END
       WHERE no = ANY (ARRAY(SELECT no FROM change WHERE batch = $1 ORDER BY no LIMIT $4)) RETURNING owner, bytes, run)
     SELECT owner, count(*) AS changes, count(*) - count(run) AS counted, sum(bytes)::bigint AS bytes FROM given GROUP BY owner`, batch, attempt, alone, limit, back === "counts-again",
  );
  const sum = (of: readonly Row[], column: string): number => of.reduce((total, row) => total + Number(row[column]), 0);
  const n = sum(rows, "changes");
  const owners = [rows.map(({ owner }) => owner), rows.map(({ changes }) => changes), rows.map(({ bytes }) => bytes), rows.map(({ counted }) => counted)] as const;
  // In the order of their numbers, as all do who lock several tasks.
  const ended = await sql.rows(
    `WITH locked AS MATERIALIZED (
       SELECT t.no, w.changes, w.bytes, w.counted FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) w(owner, changes, bytes, counted) JOIN task t ON t.first_change = w.owner
       WHERE t.held = 2 ORDER BY t.no FOR UPDATE OF t)
     SELECT no, changes, bytes, counted FROM locked`, ...owners,
  );
  if (ended.length > 0) {
    await sql.run(
      "UPDATE task t SET open = t.open - w.changes, forget = (t.open = w.changes) FROM unnest($1::bigint[], $2::bigint[]) w(no, changes) WHERE t.no = w.no",
      ended.map(({ no }) => no), ended.map(({ changes }) => changes),
    );
  }
  if (back === "counts-again") await sql.run("UPDATE task SET asleep = false WHERE asleep AND first_change = ANY($1::bigint[])", owners[0]);
  const again = back === "counts-again" ? { changes: sum(rows, "counted"), bytes: sum(rows, "bytes") } : { changes: 0, bytes: 0 };
  const changes = again.changes - sum(ended, "counted");
  const bytes = again.bytes - sum(ended, "bytes");
  if (changes !== 0 || bytes !== 0) await sql.run("UPDATE backlog SET changes = changes + $1, bytes = bytes + $2 WHERE id = 1", changes, bytes);
  return n;
}
