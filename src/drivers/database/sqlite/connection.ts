// The writing connection: prepared statements, transactions, what their failures mean.

import { DatabaseSync } from "node:sqlite";
import type { SQLInputValue, StatementSync } from "node:sqlite";

import { DatabaseError } from "../../../ports/database.ts";
import { commitFaultOf, faultOf } from "./faults.ts";

/** What a column holds; integers stay below 2^53. */
export type Cell = null | number | string | Uint8Array;
export type Row = Readonly<Record<string, Cell>>;

/** Pages in the log from which on a commit copies them to the file, if nobody did (log-copier.ts): 64 MB. */
const CHECKPOINT_PAGES = 8_000;

/** What a transaction answers that is to leave nothing. */
export const ABANDONED = Symbol("abandoned");

export class Connection {
  readonly file: string;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  /** After an unclear commit nothing more is written: a sync that failed once cannot be made good on the same file. */
  #unclear = false;
  /** Rows written since this was last set to 0: some ten make a page of log. */
  written = 0;

  constructor(db: DatabaseSync, file: string) {
    this.#db = db;
    this.file = file;
  }

  run(sql: string, ...values: SQLInputValue[]): number {
    const rows = Number(this.#prepare(sql).run(...values).changes);
    this.written += rows;
    return rows;
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...values) as Row | undefined;
  }

  all(sql: string, ...values: SQLInputValue[]): readonly Row[] {
    return this.#prepare(sql).all(...values) as Row[];
  }

  /**
   * Runs `work` in one durable transaction, which is undone when it answers ABANDONED.
   * @throws DatabaseError `unclear` when the commit may or may not be stored; everything later is `unavailable`
   */
  transaction<T>(work: () => T): T {
    if (this.#unclear) throw new DatabaseError("unavailable", `the database ${this.file} must be opened anew after a commit whose outcome is not known`);
    let answer: T;
    try {
      this.run("BEGIN IMMEDIATE");
      answer = work();
    } catch (error) {
      this.#rollback();
      throw faultOf(error, this.file);
    }
    if (answer === ABANDONED) {
      this.#rollback();
      return answer;
    }
    try {
      this.run("COMMIT");
    } catch (error) {
      const fault = commitFaultOf(error, this.file);
      this.#unclear = fault instanceof DatabaseError && fault.code === "unclear";
      this.#rollback();
      throw fault;
    }
    return answer;
  }

  /** Copies to the file what is in the log, as far as no reader needs what it overwrites; when that is all, the log begins anew. */
  copyLog(): void {
    try {
      this.#db.exec("PRAGMA wal_checkpoint(PASSIVE)");
    } catch {
      // What is committed is in the log; the next commit says what is wrong.
    }
  }

  /** Runs `work` inside a transaction so that its failure undoes it alone. Throws what it threw. */
  savepoint<T>(work: () => T): T {
    this.run("SAVEPOINT part");
    try {
      const answer = work();
      this.run("RELEASE part");
      return answer;
    } catch (error) {
      if (this.#db.isTransaction) {
        this.run("ROLLBACK TO part");
        this.run("RELEASE part");
      }
      throw error;
    }
  }

  get isTransaction(): boolean {
    return this.#db.isTransaction;
  }

  close(): void {
    try {
      // Empties the log, so that the file alone is the database. Harmless when a reader prevents it.
      this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch {
      // The next to open it does the same.
    }
    this.#statements.clear();
    this.#db.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #rollback(): void {
    if (!this.#db.isTransaction) return;
    try {
      this.run("ROLLBACK");
    } catch {
      // The first fault is the one to tell; SQLite rolls back on close as well.
    }
  }
}

/** Opens the file for writing, every commit synced. */
export function openForWriting(file: string, busyTimeoutMs: number): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: busyTimeoutMs });
  try {
    // Counts for a new file alone: of 4 KB there are twice as many to log, copy and find (an import: 42 microseconds of CPU a row, and 36).
    db.exec("PRAGMA page_size = 8192");
    db.exec("PRAGMA journal_mode = WAL");
    db.exec("PRAGMA synchronous = FULL");
    db.exec("PRAGMA cache_size = -32768");
    db.exec(`PRAGMA wal_autocheckpoint = ${String(CHECKPOINT_PAGES)}`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}
