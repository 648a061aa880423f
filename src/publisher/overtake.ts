// Others go first: whatever is accepted while a long batch is pressed is published between its roles, in heads of its own.
//
// An import, or a refresh of everything, goes in batches of four tenths of a second, each with a snapshot. If whoever adds one artifact
// had to wait for them, they would have to be short, and snapshots most of the work. So a long batch may be overtaken, and
// goes on on the head that others made (rule 9): the files it has put hold in every head in which nobody else touched their roles.
//
//  - Only plain adds and removes overtake, of other roles than the long batch has, that wait for nobody, and killed no process.
//    All else waits until it is through.
//  - While they are published, the long batch and the rows of those before it rest; then it has as long for itself.
//  - Its snapshot is composed last, over theirs, with a version above theirs.
//  - A task that both have changes of ends with the long one (rule 16): the others of its changes are visible only then.

import type { OpenChange } from "../ports/database.ts";
import { ownerOf } from "../roles/delegation.ts";
import type { Behind } from "./behind.ts";
import { untilDelegation } from "./delegate.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import type { Head } from "./head.ts";
import { listedOf } from "./listed.ts";
import { unpressed } from "./people.ts";
import { planBatch, standsAlone, type Plan } from "./plan.ts";
import type { Passing, Unpressable } from "./press.ts";
import { Wakeup } from "./wakeup.ts";

/** Others are looked for this often, hint or not. */
const LOOK_MS = 250;

/**
 * Of what may go into a long batch that is overtaken, what is the import's: others pass between its roles sooner than they would ride with it.
 * All, when somebody else has a path of it, for then their order counts, or when it is more than adds and removes.
 */
export function apartFromOthers(open: readonly OpenChange[], isGivenUp: (change: OpenChange) => boolean): readonly OpenChange[] {
  const own = open.filter(({ imported, held }) => imported === true && !held);
  if (own.length === 0 || own.length === open.length) return open;
  const paths = new Set(own.map(({ path }) => path));
  const passes = ({ kind, path, imported, held, attempts }: OpenChange): boolean => (imported === true && !held) || ((kind === "add" || kind === "remove") && attempts === 0 && !paths.has(path));
  return open.every((change) => passes(change) && !isGivenUp(change)) ? own : open;
}

/** Publishes a small batch, and answers its head. */
export type PublishesOthers = (head: Head, plan: Plan) => Promise<Head>;

/** What overtook cannot be pressed: the long batch is dropped with it, and both are planned again. */
export class OvertakerUnpressable extends PublisherError {
  readonly plan: Plan;
  override readonly cause: Unpressable;

  constructor(plan: Plan, cause: Unpressable) {
    super("unpressable", cause.message, { cause });
    this.plan = plan;
    this.cause = cause;
  }
}

export class Overtaking implements Passing {
  readonly #deps: PublisherDeps;
  readonly #behind: Behind;
  /** The roles of the long batch. */
  readonly #own: ReadonlySet<string>;
  readonly #publishes: PublishesOthers;
  /** Changes that are about to be set aside: in a batch of the usual way. */
  readonly #isGivenUp: (change: OpenChange) => boolean;
  readonly #woken = new Wakeup();
  readonly #unsubscribe: () => void;
  /** Others may be there, by a hint, or because nobody looked yet. */
  #wanted = true;
  #looked = Number.NEGATIVE_INFINITY;
  /** The long batch has as much time as others took, before the next of them pass. */
  #nextAt = Number.NEGATIVE_INFINITY;
  #passing: Promise<void> | undefined;
  /** The last head, the long batch's base or what others made of it. */
  head: Head;
  /** How long others took, milliseconds. */
  tookMs = 0;
  /** Some had to wait for the long batch. */
  kept = false;

  constructor(
    deps: PublisherDeps,
    { head, own, behind, publishes, isGivenUp }: { readonly head: Head; readonly own: ReadonlySet<string>; readonly behind: Behind; readonly publishes: PublishesOthers; readonly isGivenUp: (change: OpenChange) => boolean },
  ) {
    this.#deps = deps;
    this.#isGivenUp = isGivenUp;
    this.#behind = behind;
    this.#own = own;
    this.#publishes = publishes;
    this.head = head;
    this.#unsubscribe = deps.database.subscribe("work", () => {
      this.#wanted = true;
      if (this.#mayPass()) behind.rest();
      this.#woken.wake();
    });
  }

  /**
   * The moment for others: who works on the long batch asks before each of its roles, and all of them wait while some pass.
   * @throws what publishing them throws; then their batch, if open, is still open, and so is the long one
   */
  async pass(): Promise<void> {
    if (this.#passing === undefined) {
      if (!this.#mayPass() || !(this.#wanted || this.#deps.clock.monotonic() >= this.#looked + LOOK_MS)) return;
      this.#passing = this.#publishNext().finally(() => { this.#passing = undefined; });
    }
    await this.#passing;
  }

  readonly passed = async (): Promise<void> => {
    while (this.#passing !== undefined) await this.#passing.catch(() => undefined);
  };

  /** Lets others pass until `work`, which nobody else is at, is done. @throws what they throw, or it, once it is over */
  async during<T>(work: Promise<T>): Promise<T> {
    const over = new AbortController();
    const ended = (): void => { over.abort(); };
    work.then(ended, ended);
    try {
      while (!over.signal.aborted) {
        await this.pass();
        const patience = this.#wanted ? this.#nextAt - this.#deps.clock.monotonic() : LOOK_MS;
        await this.#woken.wait(this.#deps.clock, Math.max(patience, 1), over.signal);
      }
    } catch (error) {
      await work.catch(() => undefined);
      throw error;
    }
    return work;
  }

  /** The same until all rows that are on their way, others' too, and `work`, are there; at its end it looks once more, hint or not. */
  async until(work: Promise<unknown>): Promise<void> {
    await this.during(work.then(() => this.#behind.settled()));
    this.#wanted = true;
    await this.pass();
    await this.#behind.ended();
  }

  close(): void {
    this.#unsubscribe();
    this.#behind.goOn();
  }

  #mayPass(): boolean {
    return this.#deps.clock.monotonic() >= this.#nextAt;
  }

  async #publishNext(): Promise<void> {
    const { clock, policy } = this.#deps;
    const started = clock.monotonic();
    this.#wanted = false;
    this.#looked = started;
    try {
      const plan = await this.#next();
      if (plan === undefined) return;
      await this.#behind.passed(plan.edits.keys());
      this.#behind.rest();
      this.head = await this.#publishes(this.head, plan);
      await clock.sleep(policy.lingerMs);
    } finally {
      this.#behind.goOn();
      const now = clock.monotonic();
      this.tookMs += now - started;
      this.#nextAt = now + (now - started);
    }
  }

  /** What may be published now, or undefined when there is nothing. */
  async #next(): Promise<Plan | undefined> {
    const { database, policy } = this.#deps;
    const open = await database.openChanges({ changes: policy.maxBatchChanges, bytes: policy.maxBatchBytes });
    const plain = untilDelegation(open.filter(({ kind }) => kind !== "refresh"));
    if (plain.length === 0) return undefined;
    const others = plain.every((change) => change.attempts === 0 && !standsAlone(change) && !this.#isGivenUp(change)) ? this.#apart(plain) : [];
    if (others.length < plain.length) this.kept = true;
    if (others.every(({ held }) => held)) return undefined;
    if (others.some(({ kind }) => kind === "remove")) await this.#behind.ended();
    const plan = planBatch({ open: others, tree: this.head.tree, listed: await listedOf(this.#deps, this.head, others), unpressable: new Map(), refresh: [], outside: this.head.outside.roles, force: false });
    // What ends without being published is for the turn of it; so is what cannot be.
    return plan.publishes && plan.changes.every(({ outcome }) => outcome !== "set-aside") ? plan : undefined;
  }

  /** Those of other roles than the long batch's, which nobody has to sign. Of one path all have one role. */
  #apart(open: readonly OpenChange[]): readonly OpenChange[] {
    const { tree } = this.head;
    const waits = unpressed(this.head);
    return open.filter(({ path }) => {
      const owner = ownerOf(tree, path);
      return owner !== undefined && !this.#own.has(owner) && !waits.has(owner);
    });
  }
}
