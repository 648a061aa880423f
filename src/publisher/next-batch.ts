// Which of the open changes may go into the next batch, and of an import how many.
//
// Others go first after each batch of an import; who comes later passes before the next one is cut (overtake.ts).
// What was read ahead (ahead.ts) is taken when nobody is there, or only who may pass it.

import type { OpenChange, OpenLimit } from "../ports/database.ts";
import { Ahead, type ReadAhead } from "./ahead.ts";
import type { Behind } from "./behind.ts";
import type { PublisherDeps } from "./deps.ts";
import { gather, type Gathered, type ImportPlace } from "./gather.ts";
import type { Head } from "./head.ts";
import { apartFromOthers } from "./overtake.ts";
import { Pace } from "./pace.ts";
import type { Plan } from "./plan.ts";

/** Of an import so many changes go at a time, however long they take: fewer cost less than the batch they are in, and were they fewer on a slow machine it would be slower still. */
const LEAST_IMPORTED = 1_024;

export interface Open extends Gathered {
  /** What is to be done with exactly these. */
  readonly plan?: Plan;
}

export class NextBatch {
  readonly #deps: PublisherDeps;
  readonly #isGivenUp: (change: OpenChange) => boolean;
  readonly #ahead: Ahead;
  /** Of imports. */
  readonly #pace: Pace;
  /** Somebody asked for something since it was last told otherwise. */
  #hinted = false;

  constructor(deps: PublisherDeps, behind: Behind, isGivenUp: (change: OpenChange) => boolean) {
    this.#deps = deps;
    this.#isGivenUp = isGivenUp;
    this.#ahead = new Ahead(deps, behind, isGivenUp);
    this.#pace = new Pace({ least: LEAST_IMPORTED, most: deps.policy.maxBatchChanges });
  }

  readonly hint = (): void => { this.#hinted = true; };

  get isHinted(): boolean {
    return this.#hinted;
  }

  /** `isOvertaken`: others pass while the batch is pressed. */
  async open(head: Head, isOvertaken: boolean): Promise<Open> {
    const { database } = this.#deps;
    if (this.#pace.othersFirst) {
      const others = await this.#others();
      if (others.length > 0) return only(others);
    }
    if (!isOvertaken) return only(await database.openChanges(this.#all(false)));
    this.#hinted = false;
    const ahead = await this.#readAhead(head);
    const read = ahead ?? await gather(database, this.#all(true), () => this.#hinted);
    return ahead ?? { ...read, changes: apartFromOthers(read.changes, this.#isGivenUp) };
  }

  /** The batch that has everything of an import up to there is under way, on `head`: what comes behind is read meanwhile. */
  follows(head: Head, upTo: ImportPlace): void {
    this.#ahead.begin(head, upTo, this.#all(true));
  }

  /** Changes of imports are taken, or set apart, that were perhaps read ahead. */
  takes(changes: readonly Pick<OpenChange, "imported">[]): void {
    if (changes.some(({ imported }) => imported === true)) this.#ahead.drop();
  }

  /** Nothing is known of what was read ahead. */
  forget(): void {
    this.#ahead.drop();
  }

  /** As `Pace.published`. */
  published(batch: Parameters<Pace["published"]>[0]): void {
    this.#pace.published(batch);
  }

  /** Unless somebody is there who has to ride with it. */
  async #readAhead(head: Head): Promise<ReadAhead | undefined> {
    const ahead = await this.#ahead.on(head);
    // Otherwise nobody was there, a moment ago: whoever came since came after the import. What was accepted before it may have waited for people.
    if (ahead === undefined || this.#pace.othersFirst) return ahead;
    const all = [...(await this.#others()), ...ahead.changes];
    return all.length === ahead.changes.length || apartFromOthers(all, this.#isGivenUp) !== all ? ahead : undefined;
  }

  #others(): Promise<readonly OpenChange[]> {
    return this.#deps.database.openChanges(this.#limit);
  }

  get #limit(): { readonly changes: number; readonly bytes: number } {
    const { maxBatchChanges, maxBatchBytes } = this.#deps.policy;
    return { changes: maxBatchChanges, bytes: maxBatchBytes };
  }

  #all(isOvertaken: boolean): OpenLimit & { readonly imported: number } {
    return { ...this.#limit, imported: this.#pace.take(this.#deps.clock.monotonic(), isOvertaken) };
  }
}

/** Nothing of an import is read on behind them. */
export const only = (changes: readonly OpenChange[]): Open => ({ changes, upTo: undefined });
