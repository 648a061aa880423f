// Group commit: requests that arrive while a transaction is under way share the next one.
//
// A request is told it was accepted once its transaction is durable, and is given up only after the
// server was away for as long as we are patient. An attempt whose commit is unclear is repeated: the
// task's id says whether it was stored, and the backlog's lock waits for a server that is still
// committing it. A request that fails its group is tried alone, and so are the others.

import { DatabaseError } from "../../../ports/database.ts";
import type { Accepted } from "../../../ports/database.ts";
import { acceptInside, EARLIER, isPlain, reserveNumbers, writeChanges } from "./accept.ts";
import type { Incoming } from "./accept.ts";
import type { Now, Sessions } from "./sessions.ts";

/** Of a group together. Larger requests have a transaction of their own, beside the groups. */
const GROUP = { changes: 2000, requests: 500 } as const;

interface Waiting {
  readonly request: Incoming;
  readonly since: number;
  readonly resolve: (answer: Accepted) => void;
  readonly reject: (error: unknown) => void;
}

export class AcceptQueue {
  readonly #db: Sessions;
  readonly #now: () => Now;
  #waiting: Waiting[] = [];
  #draining = false;

  constructor(db: Sessions, now: () => Now) {
    this.#db = db;
    this.#now = now;
  }

  accept(request: Incoming): Promise<Accepted> {
    if (request.changes.length > GROUP.changes) return this.#acceptLarge(request);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, since: performance.now(), resolve, reject });
      if (!this.#draining) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    // What arrives in the same turn of the event loop shares the first transaction.
    await new Promise((resolve) => { setImmediate(resolve); });
    for (let group = this.#next(); group.length > 0; group = this.#next()) await this.#acceptGroup(group);
    this.#draining = false;
  }

  #next(): readonly Waiting[] {
    let changes = 0;
    let count = 0;
    for (const { request } of this.#waiting) {
      if (count > 0 && (!isPlain(request) || count >= GROUP.requests || changes + request.changes.length > GROUP.changes)) break;
      changes += request.changes.length;
      count += 1;
      if (!isPlain(request)) break;
    }
    return this.#waiting.splice(0, count);
  }

  async #acceptGroup(group: readonly Waiting[]): Promise<void> {
    const requests = group.map(({ request }) => request);
    let outcomes: readonly (Accepted | DatabaseError)[];
    try {
      outcomes = await this.#store(requests, group[0]?.since);
    } catch (error) {
      if (group.length === 1 || (error instanceof DatabaseError && (error.code === "unavailable" || error.code === "damaged"))) {
        for (const { reject } of group) reject(error);
        return;
      }
      for (const one of group) await this.#acceptGroup([one]);
      return;
    }
    for (const [i, { resolve, reject }] of group.entries()) {
      const outcome = outcomes[i];
      if (outcome instanceof DatabaseError) reject(outcome);
      else resolve(outcome ?? { outcome: "accepted" });
    }
  }

  /** Nothing of it is seen before its end, so its changes are written without holding up others; only their numbers are taken first. */
  async #acceptLarge(request: Incoming): Promise<Accepted> {
    const attempts = this.#db.patiently(async (attempt) => {
      const first = await this.#db.transaction((sql) => reserveNumbers(sql, request.changes.length));
      return this.#db.transaction(async (sql) => {
        for (let from = 0; from < request.changes.length; from += GROUP.changes) await writeChanges(sql, request, first, from, GROUP.changes);
        const [outcome] = await acceptInside(sql, [{ ...request, written: { first } }], this.#now(), attempt === 1 ? "first" : "again");
        // What was written ahead goes with the transaction.
        if (outcome === EARLIER || outcome instanceof DatabaseError || outcome?.outcome !== "accepted") throw new NotStored(outcome);
        return outcome;
      });
    });
    try {
      return await attempts;
    } catch (error) {
      const outcome = error instanceof NotStored ? error.outcome : unknownOf(error);
      if (outcome instanceof Error || outcome === undefined) throw outcome as Error;
      return outcome;
    }
  }

  async #store(requests: readonly Incoming[], since: number | undefined): Promise<readonly (Accepted | DatabaseError)[]> {
    try {
      return await this.#db.patiently((attempt) => this.#db.transaction((sql) => acceptInside(sql, requests, this.#now(), attempt === 1 ? "first" : "again")), since);
    } catch (error) {
      throw unknownOf(error);
    }
  }
}

/** Whoever asks cannot tell whether it was stored either; the same request with its Idempotency-Key finds out. */
function unknownOf(error: unknown): Error {
  if (error instanceof DatabaseError && error.code === "unclear") return new DatabaseError("unavailable", error.message, { cause: error });
  return error instanceof Error ? error : new Error(String(error));
}

class NotStored extends Error {
  readonly outcome: Accepted | DatabaseError | undefined;

  constructor(outcome: Accepted | DatabaseError | undefined) {
    super("a large request was not stored");
    this.outcome = outcome;
  }
}
