// The queue: what the next batch may take of requests, and of imports behind them.

import { PLACES, type OpenChange, type OpenLimit } from "../../../ports/database.ts";
import { binIndexOf } from "../../../tuf/bins.ts";
import { inOrder, SMALLEST_BIN, SPARE, type Import, type Placed } from "../common/queue.ts";
import { firstRun } from "./import.ts";
import { CHANGE, openChange } from "./reads.ts";
import type { Row, Sql } from "./sessions.ts";

const WAITING = "run IS NOT NULL AND batch IS NULL AND waits IS NULL";
const ALL = 2 ** 52;

const placed = (row: Row): Placed => ({ task: Number(row["place"]), change: openChange(row) });

/** Several statements: run where they see one moment. */
export async function openChanges(sql: Sql, limit: OpenLimit): Promise<readonly OpenChange[]> {
  if (limit.behind !== undefined) {
    const { task, place } = limit.behind;
    const from = (await importsIn(sql)).find(({ id }) => id === task);
    const more = from === undefined ? [] : await importSlice(sql, from, limit.imported ?? 0, limit.bytes, place);
    return inOrder([...more, ...await heldBefore(sql, more)]);
  }
  const found = await plainChanges(sql, limit);
  const imports = await importsIn(sql);
  if (imports.length === 0) return found.map(({ change }) => change);
  const publishable = found.filter(({ change }) => !change.held);
  const takes = !publishable.some(({ change }) => change.kind === "delegate" || change.kind === "document");
  const left = takes ? await leftOut(sql, publishable.length) : 0;
  const slice = await importedNext(sql, imports.filter(({ task }) => task < left), limit.imported ?? 0, limit.bytes);
  const all = new Map<number, Placed>();
  // Of one that comes twice, the first says whether it is held.
  for (const one of [...found, ...slice, ...await heldBefore(sql, slice), ...await importedBefore(sql, publishable, imports)]) {
    if (!all.has(one.change.id)) all.set(one.change.id, one);
  }
  return inOrder(all.values());
}

/**
 * Of requests, and the held ones of the same paths. The sums go over keys; fragments are fetched for the changes that fit alone. OFFSET 0 keeps each look-up by key what it
 * is: the queue is empty when statistics are gathered and long soon after, and a join planned for one row took half a minute for 5,000.
 */
async function plainChanges(sql: Sql, limit: { changes: number; bytes: number }): Promise<readonly Placed[]> {
  const rows = await sql.rows(
    `WITH first AS MATERIALIZED (
       SELECT t.no AS task, c.no, c.bytes FROM task t CROSS JOIN LATERAL (
         SELECT no, bytes FROM change WHERE no BETWEEN t.first_change AND t.last_change AND batch IS NULL AND waits IS NULL OFFSET 0) c
       WHERE t.held = 0 AND t.open > 0 AND NOT t.asleep ORDER BY t.no, c.no LIMIT $1),
     fitting AS MATERIALIZED (
       SELECT task, no FROM (SELECT task, no, sum(bytes) OVER w AS total, row_number() OVER w AS place FROM first WINDOW w AS (ORDER BY task, no)) s
       WHERE total <= $2 OR place = 1),
     latest AS (
       SELECT c.path, max(f.task) AS task FROM fitting f CROSS JOIN LATERAL (SELECT path FROM change WHERE no = f.no AND kind IN ('add', 'remove') OFFSET 0) c
       WHERE EXISTS (SELECT 1 FROM task WHERE held = 1 AND open > 0) GROUP BY c.path),
     held AS (
       SELECT t.no AS task, c.no FROM latest l
       CROSS JOIN LATERAL (SELECT no, owner FROM change WHERE path = l.path AND held AND batch IS NULL AND waits IS NULL AND kind IN ('add', 'remove') OFFSET 0) c
       CROSS JOIN LATERAL (SELECT no FROM task WHERE first_change = c.owner AND held = 1 AND no <= l.task OFFSET 0) t)
     SELECT t.no AS place, t.id AS task, ${CHANGE}, k.held
     FROM (SELECT task, no, false AS held FROM fitting UNION ALL SELECT task, no, true FROM held) k
     CROSS JOIN LATERAL (SELECT * FROM change WHERE no = k.no OFFSET 0) c CROSS JOIN LATERAL (SELECT no, id FROM task WHERE no = k.task OFFSET 0) t
     ORDER BY t.no, c.no`, Math.max(limit.changes, 1), limit.bytes,
  );
  return rows.map(placed);
}

/** The task of the first publishable change after so many. */
async function leftOut(sql: Sql, taken: number): Promise<number> {
  const row = await sql.row(
    `SELECT t.no FROM task t CROSS JOIN LATERAL (
       SELECT no FROM change WHERE no BETWEEN t.first_change AND t.last_change AND batch IS NULL AND waits IS NULL OFFSET 0) c
     WHERE t.held = 0 AND t.open > 0 AND NOT t.asleep ORDER BY t.no, c.no OFFSET $1 LIMIT 1`, taken,
  );
  return row === undefined ? Number.POSITIVE_INFINITY : Number(row["no"]);
}

async function importsIn(sql: Sql): Promise<readonly Import[]> {
  const rows = await sql.rows("SELECT t.no, t.id, t.open, i.no AS import, i.runs FROM task t JOIN import i ON i.task = t.id WHERE t.held = 3 AND t.open > 0 ORDER BY t.no");
  return rows.map((row) => ({
    task: Number(row["no"]), id: String(row["id"]), open: Number(row["open"]), runs: Array.from({ length: Number(row["runs"]) }, (_, i) => firstRun(Number(row["import"])) + i),
  }));
}

/** Of the oldest one that has any: of those before it the rows are still on their way. */
async function importedNext(sql: Sql, imports: readonly Import[], count: number, bytes: number): Promise<readonly Placed[]> {
  for (const from of imports) {
    const slice = await importSlice(sql, from, count, bytes);
    if (slice.length > 0) return slice;
  }
  return [];
}

/** About `count` changes of an import, those that come first by place, behind one; never part of a place. */
async function importSlice(sql: Sql, from: Import, count: number, bytes: number, behind = -1): Promise<readonly Placed[]> {
  if (count <= 0) return [];
  const first = await sql.row(
    `SELECT min(p.place) AS place FROM unnest($1::bigint[]) r(run)
     CROSS JOIN LATERAL (SELECT place FROM change WHERE run = r.run AND ${WAITING} AND place > $2 ORDER BY place LIMIT 1) p`, from.runs, behind,
  );
  if (typeof first?.["place"] !== "number") return [];
  const begin = first["place"];
  // Hashes lie evenly, so this is about right; when it is not, the next guess is half as wide.
  for (let width = Math.ceil(((PLACES - begin) * count) / Math.max(from.open, 1)); ; width = Math.floor(width / 2)) {
    // To the end of a bin of 16,384, so that of these none is touched twice.
    const end = Math.max(begin, Math.ceil((begin + width) / SMALLEST_BIN) * SMALLEST_BIN - 1);
    const found = width === 0 ? await importedUpTo(sql, from, [begin, begin], ALL, ALL) : await importedUpTo(sql, from, [begin, end], count * 2 + SPARE, bytes);
    if (found !== undefined) return found;
  }
}

/** Undefined when there are more than `most`; then none was fetched. */
async function importedUpTo(sql: Sql, from: Import, [first, last]: readonly [number, number], most: number, mostBytes: number): Promise<readonly Placed[] | undefined> {
  const upTo = (columns: string): string => `SELECT c.* FROM unnest($1::bigint[]) r(run)
    CROSS JOIN LATERAL (SELECT ${columns} FROM change WHERE run = r.run AND ${WAITING} AND place BETWEEN $2 AND $3 ORDER BY place LIMIT $4) c LIMIT $4`;
  const sum = await sql.row(
    `SELECT count(*) AS n, coalesce(sum(bytes), 0)::bigint AS bytes FROM (${upTo("octet_length(path) + octet_length(fragment) AS bytes")}) s`, from.runs, first, last, most + 1,
  );
  if (Number(sum?.["n"]) > most || Number(sum?.["bytes"]) > mostBytes) return undefined;
  const rows = await sql.rows(`SELECT $5::bigint AS place, $6::text AS task, ${CHANGE}, false AS held FROM (${upTo("*")}) c`, from.runs, first, last, most + 1, from.task, from.id);
  return rows.map(placed);
}

/** Of each path, the last task that changes it. */
const lastOfPaths = (found: readonly Placed[]): ReadonlyMap<string, number> =>
  new Map(found.filter(({ change }) => change.kind === "add" || change.kind === "remove").map(({ task, change }) => [change.path, task]));

/** The held changes of the same paths, accepted before the last one of theirs. */
async function heldBefore(sql: Sql, slice: readonly Placed[]): Promise<readonly Placed[]> {
  const last = lastOfPaths(slice);
  if (last.size === 0 || await sql.row("SELECT 1 AS held FROM task WHERE held = 1 AND open > 0 LIMIT 1") === undefined) return [];
  const rows = await sql.rows(
    `SELECT t.no AS place, t.id AS task, ${CHANGE}, true AS held FROM unnest($1::text[], $2::bigint[]) l(path, task)
     CROSS JOIN LATERAL (SELECT * FROM change WHERE path = l.path AND held AND batch IS NULL AND waits IS NULL AND kind IN ('add', 'remove') OFFSET 0) c
     CROSS JOIN LATERAL (SELECT no, id FROM task WHERE first_change = c.owner AND held = 1 AND no <= l.task OFFSET 0) t`, [...last.keys()], [...last.values()],
  );
  return rows.map(placed);
}

/** The changes of imports that have the path of a publishable one accepted later. */
async function importedBefore(sql: Sql, found: readonly Placed[], imports: readonly Import[]): Promise<readonly Placed[]> {
  const last = lastOfPaths(found);
  if (last.size === 0) return [];
  const paths = [...last.keys()];
  const runs = imports.flatMap(({ task, id, runs: of }) => of.map((run) => ({ task, id, run })));
  const rows = await sql.rows(
    `SELECT r.task AS place, r.id AS task, ${CHANGE}, true AS held
     FROM unnest($1::text[], $2::bigint[], $3::bigint[]) l(path, place, task) JOIN unnest($4::bigint[], $5::text[], $6::bigint[]) r(task, id, run) ON r.task <= l.task
     CROSS JOIN LATERAL (SELECT * FROM change WHERE run = r.run AND ${WAITING} AND place = l.place AND path = l.path OFFSET 0) c`,
    paths, paths.map((path) => binIndexOf(32, path)), [...last.values()], runs.map(({ task }) => task), runs.map(({ id }) => id), runs.map(({ run }) => run),
  );
  return rows.map(placed);
}
