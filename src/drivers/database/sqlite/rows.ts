// A whole database file as rows, and rows as a whole database file: common/rows.ts on SQLite.

import { DatabaseSync, type StatementSync } from "node:sqlite";

import { NUMBERED, NUMBERS, SLICE_BYTES, SLICE_ROWS, TABLES } from "../common/rows.ts";
import type { Cell, RowSlice, Table } from "../common/rows.ts";
import { migrate } from "./migrate.ts";

const BUSY_MS = 5_000;

/**
 * A change's owner is known by its number alone here: its task's, or that of an import that is not complete. What a
 * killed writer left behind is nobody's, and stays.
 */
const OWNER = `coalesce(
  (SELECT CASE WHEN t.last_change >= c.no THEN t.first_change END FROM task t WHERE t.first_change <= c.no ORDER BY t.first_change DESC LIMIT 1),
  (SELECT i.first_change FROM import i WHERE i.accepted = 0 AND i.first_change <= c.no AND c.no < i.first_change + i.changes))`;

/** Where a table is not as the common form has it. */
const SOURCES: Readonly<Record<string, string>> = {
  batch_role: "(SELECT b.no AS batch, r.value ->> '$.name' AS name, r.value ->> '$.kind' AS kind, r.value ->> '$.parent' AS parent FROM batch b, json_each(coalesce(b.new_roles, '[]')) r)",
  change: `(SELECT * FROM (SELECT c.*, ${OWNER} AS owner FROM change c) WHERE owner IS NOT NULL)`,
};

/** What a batch that is folded planned is forgotten. */
const EXPRESSIONS: Readonly<Record<string, string>> = { "batch.roles": "coalesce(roles, '[]')" };

/** As of one moment, while it is written to or not. */
export function* readRows(file: string): Generator<RowSlice, undefined> {
  const db = new DatabaseSync(file, { readOnly: true, timeout: BUSY_MS });
  try {
    db.exec("BEGIN");
    for (const table of TABLES) yield* slicesOf(db, table);
    const numbers = db.prepare("SELECT name, seq FROM sqlite_sequence");
    yield { table: NUMBERS, rows: numbers.all().filter(({ name }) => NUMBERED.includes(String(name))).map(({ name, seq }) => [String(name), Number(seq)]) };
    return undefined;
  } finally {
    db.close();
  }
}

/** About how many rows `readRows` will yield: of the tables that can be large. */
export function countRows(file: string): number {
  const db = new DatabaseSync(file, { readOnly: true, timeout: BUSY_MS });
  try {
    return Number(db.prepare("SELECT (SELECT count(*) FROM artifact) + (SELECT count(*) FROM change) + (SELECT count(*) FROM task) * 2 AS n").get()?.["n"]);
  } finally {
    db.close();
  }
}

function* slicesOf(db: DatabaseSync, table: Table): Generator<RowSlice> {
  const columns = table.columns.map(([name]) => EXPRESSIONS[`${table.name}.${name}`] ?? name).join(", ");
  const statement = db.prepare(`SELECT ${columns} FROM ${SOURCES[table.name] ?? table.name} ORDER BY ${table.order}`);
  statement.setReturnArrays(true);
  let rows: Cell[][] = [];
  let bytes = 0;
  for (const row of statement.iterate() as unknown as Iterable<Cell[]>) {
    rows.push(row);
    for (const cell of row) bytes += typeof cell === "string" || cell instanceof Uint8Array ? cell.length : 8;
    if (rows.length < SLICE_ROWS && bytes < SLICE_BYTES) continue;
    yield { table, rows };
    rows = [];
    bytes = 0;
  }
  if (rows.length > 0) yield { table, rows };
}

/**
 * A new file, which nobody else has: rows in, in the order of `TABLES`, then `end`. A file that was not ended is none.
 * Its lease is nobody's.
 */
export class RowsFile {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #newRoles = new Map<number, object[]>();

  constructor(file: string) {
    this.#db = new DatabaseSync(file);
    // Nothing counts before `end`, which whoever made the file syncs.
    this.#db.exec("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF");
    migrate(this.#db, file);
    this.#db.exec("BEGIN IMMEDIATE");
  }

  put({ table, rows }: RowSlice): void {
    if (table === NUMBERS) {
      for (const [name = null, last = null] of rows) {
        this.#run("DELETE FROM sqlite_sequence WHERE name = ?", [name]);
        this.#run("INSERT INTO sqlite_sequence VALUES (?, ?)", [name, last]);
      }
      return;
    }
    if (table.name === "batch_role") {
      for (const [batch, name, kind, parent] of rows) {
        const list = this.#newRoles.get(Number(batch)) ?? [];
        list.push({ name, kind, parent });
        this.#newRoles.set(Number(batch), list);
      }
      return;
    }
    const own = table.columns.map(([name], at) => ({ name, at })).filter(({ name }) => table.name !== "change" || name !== "owner");
    const names = own.map(({ name }) => name);
    const sql = table.single === true
      ? `UPDATE ${table.name} SET ${names.map((name) => `${name} = ?`).join(", ")}`
      : `INSERT INTO ${table.name} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`;
    for (const row of rows) this.#run(sql, own.map(({ at }) => row[at] ?? null));
  }

  end(): void {
    for (const [batch, roles] of this.#newRoles) this.#run("UPDATE batch SET new_roles = ? WHERE no = ?", [JSON.stringify(roles), batch]);
    this.#db.exec("UPDATE batch SET new_roles = '[]' WHERE new_roles IS NULL AND fold_phase IS NOT NULL; COMMIT; PRAGMA journal_mode = DELETE");
    this.close();
  }

  close(): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  #run(sql: string, values: Cell[]): void {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, statement = this.#db.prepare(sql));
    statement.run(...values);
  }
}
