// Which task a change belongs to.

import type { Connection } from "./connection.ts";

export interface OwnerRow {
  readonly no: number;
  readonly id: string;
  readonly first: number;
  readonly last: number;
  /** 0 publishable, 1 held, 2 ended, 3 an import. */
  readonly held: number;
}

/** The task of a change, remembering the last one found: neighbours share it. */
export class TaskFinder {
  readonly #db: Connection;
  #last: OwnerRow | undefined;

  constructor(db: Connection) {
    this.#db = db;
  }

  of(change: number): OwnerRow | undefined {
    if (this.#last && change >= this.#last.first && change <= this.#last.last) return this.#last;
    const row = this.#db.get(
      "SELECT no, id, first_change, last_change, held FROM task WHERE first_change <= ? ORDER BY first_change DESC LIMIT 1", change,
    );
    if (!row || Number(row["last_change"]) < change) return undefined;
    this.#last = { no: Number(row["no"]), id: String(row["id"]), first: Number(row["first_change"]), last: Number(row["last_change"]), held: Number(row["held"]) };
    return this.#last;
  }
}
