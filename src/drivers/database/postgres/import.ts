// Imports: many changes written ahead in runs, which become a task's in one small step.
//
// A run is what a writer adds at a time, in one transaction that locks the import's row and nothing else. Its
// changes are sorted by place (the hash that bins divide) and numbered in that order, so that the index grows run
// by run; publishing reads the same range of places from every run.

import { DatabaseError } from "../../../ports/database.ts";
import type { ImportSlice, ImportState, NewImport } from "../../../ports/database.ts";
import { byPlace, requireWellFormed } from "../common/stored.ts";
import { UNSEEN } from "./reads.ts";
import { SLICE } from "./sessions.ts";
import type { Now, Row, Sessions, Sql } from "./sessions.ts";

/** More runs than any import has: a run of one change each would make so many changes. */
export const RUNS = 2 ** 20;
/** Changes a statement inserts. */
const INSERT = 2_000;

const IMPORT = "no, task, writer, first_change, max_changes, lines, invalid, changes, runs, accepted";

export const firstRun = (importNo: number): number => importNo * RUNS;

const importState = (row: Row): ImportState =>
  ({ task: String(row["task"]), lines: Number(row["lines"]), invalid: Number(row["invalid"]), accepted: row["accepted"] === true });

/** Inside a transaction. Who opens holds the backlog, so that no two make an import of one key, or one too many. */
export async function openImport(sql: Sql, request: NewImport, now: Now): Promise<ImportState> {
  const { principal, key, writer, task, maxChanges, maxOpen } = request;
  await sql.row("SELECT id FROM backlog WHERE id = 1 FOR UPDATE");
  const known = await sql.row(`SELECT ${IMPORT} FROM import WHERE principal = $1 AND key = $2 FOR UPDATE`, principal, key);
  if (known?.["accepted"] === true) return importState(known);
  if (known) {
    await sql.run("UPDATE import SET writer = $2, touched_ms = coalesce($3::bigint, now_ms()) WHERE no = $1", known["no"], writer, now);
    return importState(known);
  }
  const begun = Number((await sql.row("SELECT count(*) AS n FROM import WHERE NOT accepted"))?.["n"]);
  if (begun >= maxOpen) throw new DatabaseError("backlog-full", `${maxOpen} imports are begun and not complete`);
  const next = await sql.row("UPDATE backlog SET next_change = next_change + $1 WHERE id = 1 RETURNING next_change", maxChanges);
  const row = await sql.row(
    `INSERT INTO import (task, principal, key, writer, first_change, max_changes, lines, invalid, changes, runs, accepted, touched_ms)
     VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0, 0, false, coalesce($7::bigint, now_ms())) RETURNING ${IMPORT}`,
    task, principal, key, writer, Number(next?.["next_change"]) - maxChanges, maxChanges, now,
  );
  return importState(row ?? {});
}

export async function findImport(sql: Sql, principal: string, key: string): Promise<ImportState | undefined> {
  const row = await sql.row(`SELECT ${IMPORT} FROM import WHERE principal = $1 AND key = $2`, principal, key);
  return row && importState(row);
}

/** One transaction, repeated while the server is away: an attempt that was stored after all is known by the lines it left. */
export async function stageImport(db: Sessions, slice: ImportSlice, now: () => Now): Promise<void> {
  const { task, writer, after, lines, invalid, changes } = slice;
  if (changes.some(({ kind }) => kind !== "add")) throw new Error("an import adds, and does nothing else");
  for (const change of changes) requireWellFormed(change);
  await db.patiently((attempt) => db.transaction(async (sql) => {
    const row = await writtenBy(sql, task, writer);
    if (attempt > 1 && lines > after && row["lines"] === lines) return;
    if (row["lines"] !== after) throw new DatabaseError("stale-base", `the import has ${String(row["lines"])} lines, not ${after}`);
    if (Number(row["changes"]) + changes.length > Number(row["max_changes"])) throw new DatabaseError("backlog-full", `an import holds at most ${String(row["max_changes"])} changes`);
    if (Number(row["runs"]) >= RUNS) throw new DatabaseError("backlog-full", `an import holds at most ${RUNS} pieces: send it in larger ones`);
    const first = Number(row["first_change"]);
    const run = firstRun(Number(row["no"])) + Number(row["runs"]);
    let from = 0;
    for (const part of byPlace(changes, INSERT)) {
      await sql.run(
        `INSERT INTO change (no, owner, kind, role, path, fragment, bytes, held, run, place)
         SELECT $1::bigint + w.at - 1, $2::bigint, 'add', w.role, w.path, w.fragment, 0, false, $3::bigint, w.place
         FROM unnest($4::text[], $5::text[], $6::text[], $7::bigint[]) WITH ORDINALITY w(role, path, fragment, place, at)`,
        first + Number(row["changes"]) + from, first, run,
        part.map(({ change }) => change.role), part.map(({ change }) => change.path), part.map(({ change }) => change.fragment), part.map(({ place }) => place),
      );
      from += part.length;
    }
    await sql.run(
      "UPDATE import SET lines = $2, invalid = invalid + $3, changes = changes + $4, runs = runs + $5, touched_ms = coalesce($6::bigint, now_ms()) WHERE no = $1",
      row["no"], lines, invalid, changes.length, changes.length > 0 ? 1 : 0, now(),
    );
  }));
}

/** Inside a transaction: the numbers of the import's changes, which are the task's from now on. */
export async function claimImport(sql: Sql, task: string, { writer, lines }: { readonly writer: string; readonly lines: number }): Promise<{ readonly first: number; readonly count: number }> {
  const row = await writtenBy(sql, task, writer);
  if (row["lines"] !== lines) throw new DatabaseError("stale-base", `the import has ${String(row["lines"])} lines, not ${lines}`);
  await sql.run("UPDATE import SET accepted = true, writer = '' WHERE no = $1", row["no"]);
  return { first: Number(row["first_change"]), count: Number(row["changes"]) };
}

/** Slices. Cut off halfway, nobody finds the import any more, and what remains of it is forgotten with those that nobody goes on with. */
export async function dropImport(db: Sessions, task: string, writer: string): Promise<void> {
  const row = await db.transaction(async (sql) => {
    const found = await sql.row(`SELECT ${IMPORT} FROM import WHERE task = $1 AND writer = $2 AND NOT accepted FOR UPDATE`, task, writer);
    if (found) await disown(sql, found);
    return found;
  });
  if (row) while (await db.transaction((sql) => forgetImport(sql, row, SLICE)) === SLICE);
}

/** Inside a fenced transaction: at most about `limit` rows of imports that nobody went on with, and keys of accepted ones whose changes are done. */
export async function forgetImports(sql: Sql, beforeMs: number, limit: number): Promise<void> {
  await sql.run("DELETE FROM import i WHERE touched_ms < $1 AND accepted AND NOT EXISTS (SELECT 1 FROM task t WHERE t.id = i.task AND t.open > 0)", beforeMs);
  let left = limit;
  // One that is locked is being written: somebody goes on with it.
  for (const row of await sql.rows(`SELECT ${IMPORT} FROM import WHERE touched_ms < $1 AND NOT accepted ORDER BY no LIMIT $2 FOR UPDATE SKIP LOCKED`, beforeMs, limit)) {
    await disown(sql, row);
    left -= await forgetImport(sql, row, left);
    if (left <= 0) return;
  }
}

/** Nobody adds to it, or finds it, while its rows go. A key holds no space. */
async function disown(sql: Sql, row: Row): Promise<void> {
  await sql.run("UPDATE import SET writer = '', principal = '', key = 'dropped ' || no WHERE no = $1", row["no"]);
}

/** Inside a transaction: up to `limit` rows of an import that is not accepted, and with the last of them itself. Answers how many. */
async function forgetImport(sql: Sql, row: Row, limit: number): Promise<number> {
  const first = Number(row["first_change"]);
  const gone = await sql.run(
    "DELETE FROM change WHERE no = ANY (ARRAY(SELECT no FROM change WHERE no >= $1 AND no < $2 ORDER BY no LIMIT $3))", first, first + Number(row["max_changes"]), limit,
  );
  if (gone < limit) await sql.run("DELETE FROM import WHERE no = $1", row["no"]);
  return gone;
}

async function writtenBy(sql: Sql, task: string, writer: string): Promise<Row> {
  const row = await sql.row(`SELECT ${IMPORT} FROM import WHERE task = $1 AND NOT accepted FOR UPDATE`, task);
  if (row?.["writer"] !== writer) throw new DatabaseError("stale-base", "somebody else goes on with this import, or it is gone");
  return row;
}

/** Of an import: whether one of its changes is in no batch, how many are set aside, and paths of those. `adoption`: as that will leave them. */
export async function importRemainder(sql: Sql, task: string, limit: number, adoption?: string): Promise<{ open: boolean; setAside: number; paths: readonly string[] }> {
  const row = await sql.row("SELECT first_change, last_change FROM task WHERE id = $1 AND held = 3", task);
  if (row === undefined || row["first_change"] === null) return { open: false, setAside: 0, paths: [] };
  const bounds = [row["first_change"], row["last_change"]];
  const left = adoption === undefined
    ? await sql.row("SELECT no FROM change WHERE no BETWEEN $1 AND $2 AND batch IS NULL LIMIT 1", ...bounds)
    : await sql.row(
      `SELECT c.no FROM change c LEFT JOIN batch b ON b.no = c.batch WHERE c.no BETWEEN $1 AND $2 AND (c.batch IS NULL OR (${UNSEEN}))
         AND NOT EXISTS (SELECT 1 FROM adopted_change a WHERE a.adoption = $3 AND a.no = c.no) LIMIT 1`, ...bounds, adoption,
    );
  if (left !== undefined) return { open: true, setAside: 0, paths: [] };
  // Those of earlier batches are folded, and gone: what is looked through is the batch in hand, and what was set aside.
  const aside = "FROM change c LEFT JOIN adopted_change a ON a.adoption = $3 AND a.no = c.no WHERE c.no BETWEEN $1 AND $2 AND coalesce(a.outcome, c.outcome) = 'set-aside'";
  const count = await sql.row(`SELECT count(*) AS n ${aside}`, ...bounds, adoption ?? "");
  const paths = await sql.rows(`SELECT c.path ${aside} ORDER BY c.no LIMIT $4`, ...bounds, adoption ?? "", limit);
  return { open: false, setAside: Number(count?.["n"]), paths: paths.map(({ path }) => String(path)) };
}
