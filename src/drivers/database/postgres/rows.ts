// A whole database as rows, and rows into an empty one: common/rows.ts on PostgreSQL.
//
// Out: in one repeatable-read transaction, through cursors, while it is written to or not. In: all or
// nothing, in one transaction that holds the publisher's row and the backlog's, so that nobody publishes
// or accepts meanwhile; counted before it is committed. Memory holds a slice at a time.

import { DatabaseError } from "../../../ports/database.ts";
import { NUMBERED, NUMBERS, SLICE_ROWS, TABLES } from "../common/rows.ts";
import type { Cell, Kind, RowSlice } from "../common/rows.ts";
import { serverOf } from "./address.ts";
import { hint, lockBacklog } from "./lease.ts";
import { migrate } from "./migrate.ts";
import type { PostgresOptions } from "./postgres.ts";
import { Sessions } from "./sessions.ts";
import type { Sql } from "./sessions.ts";

/** Of rows that may be as large as a request, so many at a time. */
const LARGE_ROWS = 16;

/** As of one moment. */
export function readRows(options: PostgresOptions, each: (slice: RowSlice) => void): Promise<void> {
  return inOneTransaction(options, async (sql) => {
    await sql.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
    await withoutHaste(sql);
    for (const table of TABLES) {
      const columns = table.columns.map(([name, kind]) => `${READ[kind]?.(name) ?? name} AS ${name}`).join(", ");
      await sql.run(`DECLARE every_row NO SCROLL CURSOR FOR SELECT ${columns} FROM ${table.name} ORDER BY ${table.order}`);
      for (;;) {
        const rows = await sql.rows(`FETCH ${String(table.large === true ? LARGE_ROWS : SLICE_ROWS)} FROM every_row`);
        if (rows.length === 0) break;
        each({ table, rows: rows.map((row) => table.columns.map(([name]) => cellOf(row[name]))) });
      }
      await sql.run("CLOSE every_row");
    }
    const numbers: (readonly Cell[])[] = [];
    for (const name of NUMBERED) {
      const last = await sql.row("SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, 'no')::regclass), 0) AS last", `rstuf.${name}`);
      numbers.push([name, Number(last?.["last"])]);
    }
    each({ table: NUMBERS, rows: numbers });
  });
}

/**
 * Makes the rows this database's. Its lease is nobody's then.
 * @throws DatabaseError `not-empty`; `unclear` when it may or may not be stored
 */
export function writeRows(options: PostgresOptions, slices: Iterable<RowSlice>, onProgress: (rows: number) => void = () => undefined): Promise<void> {
  return inOneTransaction(options, async (sql, server) => {
    await withoutHaste(sql);
    await sql.run("UPDATE publisher SET lease_holder = '', lease_until_ms = 0 WHERE id = 1");
    await lockBacklog(sql);
    await requireEmpty(sql, server);
    const written = new Map<string, number>();
    let total = 0;
    for (const slice of slices) {
      await put(sql, slice);
      written.set(slice.table.name, (written.get(slice.table.name) ?? 0) + slice.rows.length);
      onProgress(total += slice.rows.length);
    }
    for (const { name } of TABLES) {
      const found = Number((await sql.row(`SELECT count(*) AS n FROM ${name}`))?.["n"]);
      if (found !== (written.get(name) ?? 0)) throw new Error(`${String(written.get(name) ?? 0)} rows of ${name} were sent, and ${String(found)} are there`);
    }
    await hint(sql, "visible");
  });
}

/** Settings, requests, a repository: whatever somebody began here. */
async function requireEmpty(sql: Sql, server: string): Promise<void> {
  for (const { name, single } of TABLES) {
    const taken = await sql.row(single === true ? `SELECT 1 FROM ${name} WHERE ${TOUCHED[name] ?? "false"} LIMIT 1` : `SELECT 1 FROM ${name} LIMIT 1`);
    if (taken !== undefined) throw new DatabaseError("not-empty", `the database ${server} holds something already (${name}); nothing was changed`);
  }
}

/** What a row that is always there says once it was used. */
const TOUCHED: Readonly<Record<string, string>> = { publisher: "seq > 0 OR counter > 0", backlog: "next_change > 1", notice_log: "forgotten_no > 0" };

async function put(sql: Sql, { table, rows }: RowSlice): Promise<void> {
  if (table === NUMBERS) {
    for (const [name, last] of rows) {
      await sql.run("SELECT setval(pg_get_serial_sequence($1, 'no')::regclass, greatest($2::bigint, 1), $2::bigint > 0)", `rstuf.${String(name)}`, last);
    }
    return;
  }
  const names = table.columns.map(([name]) => name);
  const values = table.columns.map(([name, kind]) => WRITE[kind]?.(`w.${name}`) ?? `w.${name}`).join(", ");
  const from = `unnest(${table.columns.map(([, kind], at) => `$${String(at + 1)}::${ARRAYS[kind]}[]`).join(", ")}) w(${names.join(", ")})`;
  const columns = table.columns.map((_, at) => rows.map((row) => row[at] ?? null));
  if (table.single === true) await sql.run(`UPDATE ${table.name} o SET (${names.join(", ")}) = (SELECT ${values} FROM ${from}) WHERE o.id = 1`, ...columns);
  else await sql.run(`INSERT INTO ${table.name} (${names.join(", ")}) SELECT ${values} FROM ${from}`, ...columns);
}

const ARRAYS: Readonly<Record<Kind, string>> = { integer: "bigint", text: "text", truth: "smallint", names: "text", bytes: "bytea" };
const READ: Partial<Record<Kind, (column: string) => string>> = { truth: (column) => `${column}::int`, names: (column) => `to_json(${column})::text` };
const WRITE: Partial<Record<Kind, (column: string) => string>> = {
  truth: (column) => `${column} = 1`,
  names: (column) => `CASE WHEN ${column} IS NOT NULL THEN ARRAY(SELECT e.name FROM json_array_elements_text(${column}::json) WITH ORDINALITY e(name, at) ORDER BY e.at) END`,
};

const cellOf = (value: unknown): Cell => value === undefined ? null : value as Cell;

/** Longer than an ordinary transaction may take, and with pauses while the other side is read. */
async function withoutHaste(sql: Sql): Promise<void> {
  await sql.run("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0");
}

async function inOneTransaction(options: PostgresOptions, work: (sql: Sql, server: string) => Promise<void>): Promise<void> {
  const sessions = new Sessions({ server: serverOf(options), maxSessions: 2, patienceMs: options.patienceMs ?? 20_000 });
  try {
    await migrate(sessions);
    await sessions.transaction((sql) => work(sql, sessions.server));
  } finally {
    await sessions.close();
  }
}
