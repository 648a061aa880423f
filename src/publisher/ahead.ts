// The next batch of an import, read and planned while the database is busy with the one before it.
//
// While a batch is cut this thread has nothing to do, and while the next one is read and planned nothing of it can be cut: one after
// the other they were half of a batch's time. What was read ahead is what comes behind that batch, of the same import alone, so
// it can hardly be wrong by its turn:
//
//  - Other delegations, or other roles that teams sign elsewhere, are seen by the head, and it is planned anew.
//  - Whatever publishes changes of imports, or sets them apart, says so first (`drop`): a newer change absorbs those of its path.
//  - A change that killed a process, or is about to be set aside, is for a batch of the usual way; so is a held one that rides along: it
//    may be released, and published before.
//  - Who was accepted meanwhile is looked at when it is its turn (next-batch.ts).
//
// A cut takes no change that is not open, so a mistake here would cost a recovery, and publish nothing twice.

import { nextTurn } from "../lib/turn.ts";
import type { OpenChange, OpenLimit } from "../ports/database.ts";
import type { Behind } from "./behind.ts";
import type { PublisherDeps } from "./deps.ts";
import { gather, type Gathered, type ImportPlace } from "./gather.ts";
import type { Head } from "./head.ts";
import { planning, type Plan } from "./plan.ts";

export interface ReadAhead extends Gathered {
  readonly plan: Plan;
}

interface Reading {
  readonly head: Pick<Head, "tree" | "outside">;
  isDropped: boolean;
  readonly result: Promise<ReadAhead | undefined>;
}

export class Ahead {
  readonly #deps: Pick<PublisherDeps, "database">;
  readonly #behind: Pick<Behind, "turn">;
  readonly #isGivenUp: (change: OpenChange) => boolean;
  #reading: Reading | undefined;

  /** It rests when rows do that follow `behind`: for others who pass. */
  constructor(deps: Pick<PublisherDeps, "database">, behind: Pick<Behind, "turn">, isGivenUp: (change: OpenChange) => boolean) {
    this.#deps = deps;
    this.#behind = behind;
    this.#isGivenUp = isGivenUp;
  }

  /** Reads what comes behind `upTo`, in the place of whatever was read ahead before. */
  begin(head: Pick<Head, "tree" | "outside">, upTo: ImportPlace, limit: OpenLimit & { readonly imported: number }): void {
    this.drop();
    const reading = { head, isDropped: false };
    // Whoever reads it in its turn meets the failure.
    const result = this.#read(reading, { ...limit, behind: upTo }).catch(() => undefined);
    this.#reading = Object.assign(reading, { result });
  }

  drop(): void {
    if (this.#reading !== undefined) this.#reading.isDropped = true;
    this.#reading = undefined;
  }

  /** What was read, if it holds on `head`; it stays until it is dropped. */
  async on({ tree, outside }: Pick<Head, "tree" | "outside">): Promise<ReadAhead | undefined> {
    const reading = this.#reading;
    if (reading === undefined) return undefined;
    if (reading.head.tree === tree && reading.head.outside === outside) return reading.result;
    this.drop();
    return undefined;
  }

  async #read(reading: Pick<Reading, "head" | "isDropped">, limit: OpenLimit & { readonly imported: number }): Promise<ReadAhead | undefined> {
    const ends = async (): Promise<boolean> => {
      await this.#behind.turn();
      return reading.isDropped;
    };
    const { changes, upTo } = await gather(this.#deps.database, limit, ends);
    if (upTo === undefined || changes.some((change) => change.imported !== true || change.attempts > 0 || this.#isGivenUp(change))) return undefined;
    const { tree, outside } = reading.head;
    const steps = planning({ open: changes, tree, listed: new Map(), unpressable: new Map(), refresh: [], outside: outside.roles, force: false });
    while (!(await ends())) {
      const step = steps.next();
      if (step.done === true) return { changes, upTo, plan: step.value };
      await nextTurn();
    }
    return undefined;
  }
}
