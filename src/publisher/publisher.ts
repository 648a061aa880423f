// The publisher: takes the lease, recovers, and then turns requests, refreshes and a pending
// bootstrap into one new head at a time.
//
//   follow --lease taken--> recover --ok--> lead --lease lost--> follow
//                              ^               |
//                              +---any doubt---+
//
// Whatever goes wrong while leading drops the batch in hand, is reported (log, metrics,
// `halted` in the database, and through it /readyz), and is tried again after a pause that
// grows to half a minute. What only a person can put right stays halted and writes nothing.

import { reasonOf } from "../lib/app-error.ts";
import { nextTurn } from "../lib/turn.ts";
import { DatabaseError, type OpenChange, type SigningEvent, type TaskResult } from "../ports/database.ts";
import { OUTSIDE, outsideIn } from "../roles/outside-roles.ts";
import { treesToCome } from "../roles/pending-edit.ts";
import { expiryPolicyOf } from "../roles/policy.ts";
import { bootstrap } from "./bootstrap.ts";
import { Behind } from "./behind.ts";
import { Ceremony } from "./ceremony.ts";
import type { CeremonyTurn } from "./ceremony-turn.ts";
import { chooseChanges, poisonous } from "./choose.ts";
import { requireSaneClock } from "./clock-check.ts";
import { Helper } from "./claim.ts";
import { collect } from "./collect.ts";
import type { PublisherDeps } from "./deps.ts";
import { changeDelegations, failedEdit, refusedEdit, untilDelegation } from "./delegate.ts";
import { DelegatedEvents } from "./delegated-events.ts";
import { dueNow, type Due } from "./due.ts";
import { FileCheck } from "./file-check.ts";
import { showBacklog, showExpiry } from "./gauges.ts";
import { Halt, isLeaseLost } from "./halt.ts";
import type { Head } from "./head.ts";
import { LeaseHold } from "./lease-hold.ts";
import { listedOf } from "./listed.ts";
import { NextBatch, only, type Open } from "./next-batch.ts";
import { waitsForTargets } from "./next-targets.ts";
import { failedDocument, publishDocument, redelegates, refusedDocument, waitsWithTargets } from "./outside.ts";
import { OvertakerUnpressable, Overtaking } from "./overtake.ts";
import { askedOf, unpressed, waitsOf } from "./people.ts";
import { planning, standsAlone, type Plan } from "./plan.ts";
import { Unpressable } from "./press.ts";
import { pressedFirst, wasPressedFirst } from "./press-first.ts";
import { project } from "./project.ts";
import { endingTasks, publish, unpressableOf, type PublishOrder } from "./publish.ts";
import { readHead } from "./read-head.ts";
import { recover } from "./recover.ts";
import { handedOf } from "./rotation.ts";
import { beginRoot } from "./root-expiry.ts";
import { Rounds, type Round } from "./round.ts";
import { Sealer } from "./seal.ts";
import { Teller } from "./tell.ts";
import { WaitingEvents } from "./waiting-events.ts";
import { Wakeup } from "./wakeup.ts";

/** How long a publisher that does not lead waits before it asks for the lease again. */
const FOLLOW_MS = 1_000;
const RETRY_MS = { first: 250, longest: 30_000 } as const;
/** After a take-over from a publisher that may still be writing, storage without a native condition is projected this often, this long (rule 15). */
const WATCH = { everyMs: 1_000, forMs: 60_000 } as const;

export class Publisher {
  readonly #deps: PublisherDeps;
  readonly #holder: string;
  readonly #ceremony: Ceremony;
  readonly #delegated: DelegatedEvents;
  #sealer: Sealer;
  #hold: LeaseHold | undefined;
  #head: Head | undefined;
  #needsRecovery = false;
  readonly #halt: Halt;
  #nextTick = 0;
  #lastPublish = Number.NEGATIVE_INFINITY;
  /** Until when, and when next, storage is watched for the last write of a publisher that lost its lease. */
  #watch = { until: 0, next: 0 };
  /** The first batch after a start is of the others: what killed the last process holds up nobody. */
  #suspectsTurn = true;
  readonly #fileCheck = new FileCheck();
  readonly #rounds = new Rounds();
  /** Of long work: what others wait for is there before their batch ends. */
  readonly #behind = new Behind();
  readonly #next: NextBatch;
  readonly #teller: Teller;
  readonly #waiting: WaitingEvents;
  readonly #unpressable = new Map<number, string>();
  readonly #isGivenUp = (change: OpenChange): boolean => this.#unpressable.has(change.id) || poisonous(change) !== undefined;
  readonly #helper: Helper;
  readonly #offered = new Wakeup();

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
    this.#holder = deps.random.hex(16);
    this.#ceremony = new Ceremony(deps);
    this.#halt = new Halt(deps);
    this.#next = new NextBatch(deps, this.#behind, this.#isGivenUp);
    this.#teller = new Teller(deps);
    this.#waiting = new WaitingEvents(deps.database);
    this.#delegated = new DelegatedEvents(deps);
    this.#sealer = new Sealer(deps);
    this.#helper = new Helper(deps, this.#holder);
  }

  /** Publishes until `signal` aborts; then ends the lease. While another leads, helps it. Rejects only when durability is in doubt. */
  async run(signal: AbortSignal): Promise<void> {
    const unsubscribe = this.#deps.database.subscribe("shares", this.#offered.wake);
    try {
      while (!signal.aborted) {
        const hold = await this.#takeLease();
        if (hold !== undefined) await this.#lead(signal);
        else if (!(await this.#helper.help(signal))) await this.#offered.wait(this.#deps.clock, FOLLOW_MS, signal);
      }
    } finally {
      unsubscribe();
    }
  }

  /** Takes the lease if it is free and recovers. Answers whether this publisher leads. */
  async takeOver(): Promise<boolean> {
    const { database, clock, policy, storage, telemetry } = this.#deps;
    const before = await database.publisher();
    const hold = await LeaseHold.take(database, clock, policy.leaseMs, this.#holder);
    if (hold === undefined) return false;
    this.#hold = hold;
    this.#sealer = new Sealer(this.#deps);
    const expired = before.lease.holder !== "" && before.lease.holder !== this.#holder;
    if (expired && storage.traits.weakReplace) this.#watch = { until: clock.monotonic() + WATCH.forMs, next: 0 };
    telemetry.metrics.leading(true);
    telemetry.log.info({ lease: hold.lease.number }, "took the lease");
    await this.#recover(true);
    return true;
  }

  /**
   * One turn of work: a pending bootstrap, one batch of changes, and what is due by the clock.
   * Answers whether there may be more to do at once. Throws what went wrong; the next turn recovers.
   */
  async turn(): Promise<boolean> {
    const hold = this.#required();
    if (!hold.mayAct()) await hold.renew();
    if (this.#needsRecovery) await this.#recover(false);
    try {
      const worked = await this.#work(hold);
      await this.#halt.over(hold);
      return worked;
    } catch (error) {
      this.#needsRecovery = true;
      throw error;
    }
  }

  async #work(hold: LeaseHold): Promise<boolean> {
    const { clock, database } = this.#deps;
    if (this.#head === undefined) {
      this.#head = await bootstrap(this.#deps, hold, this.#sealer, this.#waiting);
      this.#lastPublish = clock.monotonic();
      this.#nextTick = this.#head === undefined ? clock.monotonic() + this.#deps.policy.refresh.tickMs : 0;
    }
    await this.#teller.signing(hold, await this.#waiting.all());
    if (this.#head === undefined) return false;
    const settings = await database.settings();
    this.#head = { ...this.#head, expiry: expiryPolicyOf(settings), handed: handedOf(settings) };
    const nowMs = await requireSaneClock(this.#deps, this.#head);
    await this.#watchStorage(hold);
    const first = pressedFirst(settings, this.#head);
    if (first !== undefined) {
      const { id } = this.#head;
      await this.#publishOne(hold, this.#head, only([]), first, nowMs);
      if (this.#head.id !== id) await wasPressedFirst(database, hold);
      return true;
    }
    const events = await this.#waiting.all();
    const ticks = clock.monotonic() >= this.#nextTick;
    // Beside people, keys that change, and what the clock asks for, no row is on its way.
    if (ticks || events.length > 0 || this.#head.rotation !== undefined || askedOf(this.#head).size > 0) await this.#behind.ended();
    const ceremony = await this.#ceremonies(hold, this.#head, events);
    if (ceremony === "other-head") return true;
    await this.#delegated.resume(hold);
    const mayOvertake = events.length === 0 && this.#head.rotation === undefined && this.#spacingMs === 0;
    const next = await this.#next.open(this.#head, this.#isOvertaken(mayOvertake));
    const open = next.changes;
    const waits = waitsOf(this.#head, treesToCome(this.#head.tree, events), untilDelegation(open), this.#isGivenUp);
    if (waits.length > 0) {
      this.#next.forget();
      await database.setWaiting(hold.lease, waits);
      return true;
    }
    const head = this.#head;
    const due = ticks ? await this.#tick(hold, head) : NOTHING_DUE;
    const renews = ticks && (await beginRoot(this.#deps, hold, head, events));
    const begun = await this.#begin(hold, head, events, { due: due.people, edits: open.some((change) => redelegates(head, change)) });
    if (open.length === 0 && due.roles.length === 0 && !due.force) {
      await this.#behind.ended();
      return begun || renews || ceremony === "slice";
    }
    await this.#spaceOut();
    this.#suspectsTurn = !this.#suspectsTurn;
    const chosen = untilDelegation(chooseChanges(open, this.#suspectsTurn));
    const [alone] = chosen.filter(standsAlone);
    const isDue = due.force || due.roles.length > 0;
    // While online keys change, targets is the ceremony's; what changes delegations, and what came after it, waits.
    if (alone !== undefined && redelegates(this.#head, alone) && !isDue && this.#head.rotation !== undefined) return ceremony === "slice";
    const outcome = alone === undefined || isDue
      ? await this.#publishOne(hold, this.#head, alone !== undefined ? only([]) : chosen === open ? next : only(chosen), due, nowMs, mayOvertake)
      : await this.#publishAlone(hold, this.#head, alone, events);
    return outcome || open.length > 0 || ceremony === "slice";
  }

  /** What people sign, and online keys that change. A change of keys goes on in slices, between which artifacts are published. */
  async #ceremonies(hold: LeaseHold, head: Head, events: readonly SigningEvent[]): Promise<"nothing" | "other-head" | "slice"> {
    const turn = this.#ceremonyTurn(hold);
    const { head: after, worked } = await this.#delegated.turn(turn, await this.#ceremony.turn(turn, head, events), events);
    this.#head = after;
    // Who signs targets may be others now.
    if (after.root !== head.root || after.also !== head.also) this.#delegated.lookAgain();
    if (worked) return "other-head";
    if (after === head) return "nothing";
    return after.rotation?.phase === "bins" ? "slice" : "other-head";
  }

  #ceremonyTurn(hold: LeaseHold): CeremonyTurn {
    const publishes = async (order: PublishOrder): Promise<Head> => {
      await this.#spaceOut();
      const published = await publish(this.#deps, hold, this.#sealer, order);
      this.#lastPublish = this.#deps.clock.monotonic();
      return published;
    };
    return { hold, sealer: this.#sealer, publish: publishes };
  }

  async #watchStorage(hold: LeaseHold): Promise<void> {
    const now = this.#deps.clock.monotonic();
    if (now >= this.#watch.until || now < this.#watch.next) return;
    this.#watch.next = now + WATCH.everyMs;
    await project(this.#deps, hold);
  }

  /** How long nothing is due by the clock. */
  #idleMs(): number {
    const now = this.#deps.clock.monotonic();
    const ceremony = Math.min(this.#ceremony.nextAt ?? Number.POSITIVE_INFINITY, this.#delegated.nextAt ?? Number.POSITIVE_INFINITY);
    const next = Math.min(this.#nextTick, ceremony, now < this.#watch.until ? this.#watch.next : Number.POSITIVE_INFINITY);
    return Math.max(0, next - now);
  }

  /** What is due by the clock, beside publishing: storage still shows the head and holds its files, old files go, numbers are told. */
  async #tick(hold: LeaseHold, head: Head): Promise<Due> {
    const { clock, policy } = this.#deps;
    await project(this.#deps, hold);
    await collect(this.#deps, hold);
    await showExpiry(this.#deps, head);
    await this.#teller.expiring(hold, head);
    await showBacklog(this.#deps);
    const due = await dueNow(this.#deps, head, clock.now());
    const damaged = await this.#fileCheck.due(this.#deps, head);
    this.#nextTick = clock.monotonic() + policy.refresh.tickMs;
    return { roles: [...new Set([...due.roles, ...damaged.roles])], people: [...new Set([...due.people, ...damaged.people])], force: due.force || damaged.force };
  }

  async #publishOne(hold: LeaseHold, head: Head, next: Open, due: Due, nowMs: number, mayOvertake = false): Promise<boolean> {
    const { database, clock, policy } = this.#deps;
    const { changes: open, upTo } = next;
    if (open.some(({ kind }) => kind === "remove")) await this.#behind.ended();
    const started = clock.monotonic();
    const round = this.#rounds.next(head, open, unpressed(head), started, this.#isOvertaken(mayOvertake));
    const isDue = due.force || due.roles.length > 0;
    const plan = (isDue ? undefined : next.plan) ?? (await this.#plan(head, open, due, round));
    this.#next.takes(plan.changes);
    if (!plan.publishes) {
      const ended = await endingTasks(this.#deps, plan.changes, [], nowMs);
      const tasks = new Set(ended.map(({ task }) => task));
      // A change whose task goes on in another batch can only end with a batch: then one is published for it.
      if (plan.changes.every((change) => tasks.has(change.task))) {
        await database.endTasks(hold.lease, ended);
        return ended.length > 0;
      }
    }
    const imported = open.filter((change) => change.imported === true && !change.held).length;
    await this.#behind.passed(plan.edits.keys());
    const isLong = imported + round.roles.length >= this.#deps.policy.foldBehindFrom;
    const overtaking = isLong && mayOvertake ? this.#overtaking(hold, head, plan) : undefined;
    // Who comes between two long batches passes like who comes while one is pressed.
    const overtakes = !isLong && mayOvertake && this.#behind.isBusy ? NO_TASKS : undefined;
    if (overtakes !== undefined) this.#behind.rest();
    try {
      this.#head = await publish(this.#deps, hold, this.#sealer, {
        head, plan, nowMs, ...(isLong || overtakes !== undefined ? { behind: this.#behind } : {}), ...(overtaking === undefined ? {} : { overtaking }), ...(overtakes === undefined ? {} : { overtakes }),
        ...(overtaking === undefined || upTo === undefined ? {} : { meanwhile: () => { this.#next.follows(head, upTo); } }),
      });
      if (overtakes !== undefined && !this.#next.isHinted) await clock.sleep(policy.lingerMs);
    } catch (error) {
      const [offending, its] = error instanceof OvertakerUnpressable ? [error.cause, error.plan] : [error, plan];
      if (!(offending instanceof Unpressable)) throw error;
      this.#setAside(offending, its);
      await this.#recover(false);
      return true;
    } finally {
      overtaking?.close();
      if (overtakes !== undefined) this.#behind.goOn();
    }
    this.#lastPublish = clock.monotonic();
    const tookMs = this.#lastPublish - started - (overtaking?.tookMs ?? 0);
    const waited = this.#isOvertaken(mayOvertake) ? overtaking?.kept === true : open.some((change) => change.imported !== true && change.kind !== "refresh");
    this.#next.published({ own: imported, waited, tookMs, nowMs: this.#lastPublish });
    this.#rounds.published(round.roles.length, waited, tookMs, this.#lastPublish);
    for (const change of open) this.#unpressable.delete(change.id);
    return true;
  }

  /** Lets others pass while this plan is pressed. */
  #overtaking(hold: LeaseHold, head: Head, plan: Plan): Overtaking {
    const deps = this.#deps;
    const tasks = new Set(plan.changes.map(({ task }) => task));
    const publishes = async (on: Head, others: Plan): Promise<Head> => {
      this.#next.takes(others.changes);
      try {
        return await publish(deps, hold, this.#sealer, { head: on, plan: others, nowMs: await requireSaneClock(deps, on), behind: this.#behind, overtakes: tasks });
      } catch (error) {
        throw error instanceof Unpressable ? new OvertakerUnpressable(others, error) : error;
      }
    };
    // Those, too, in which its changes change nothing: whoever took one of them before it is cut would end the task of neither.
    const own = new Set([...plan.edits.keys(), ...plan.changes.map(({ role }) => role)]);
    return new Overtaking(deps, { head, own, behind: this.#behind, publishes, isGivenUp: this.#isGivenUp });
  }

  /** A change of delegations, or a document that a team signed elsewhere. */
  async #publishAlone(hold: LeaseHold, head: Head, change: OpenChange, events: readonly SigningEvent[]): Promise<true> {
    const { database, clock, telemetry } = this.#deps;
    await this.#behind.ended();
    const end = (result: TaskResult): Promise<void> => database.endTasks(hold.lease, [{ task: change.task, result }]);
    const isEdit = change.kind === "delegate";
    const poison = poisonous(change);
    if (poison !== undefined) {
      await end((isEdit ? failedEdit : failedDocument)(poison, clock.now()));
      return true;
    }
    try {
      // Others go on; it is signed with those that wait when the next version of targets begins (ADR 0023).
      if ((isEdit ? waitsForTargets : waitsWithTargets)(this.#deps, head, change, events)) {
        await database.setWaiting(hold.lease, [{ id: change.id, task: change.task, for: "targets" }]);
        return true;
      }
      const published = isEdit ? await changeDelegations(this.#deps, hold, this.#sealer, head, change, events) : await publishDocument(this.#deps, hold, this.#sealer, head, change);
      const outside = isEdit ? outsideIn(await database.setting(OUTSIDE)) : head.outside;
      this.#head = published ?? { ...head, outside };
      this.#delegated.lookAgain();
      this.#lastPublish = clock.monotonic();
    } catch (error) {
      const refused = (isEdit ? refusedEdit : refusedDocument)(error, clock.now());
      if (refused === undefined) throw error;
      telemetry.log.warn({ task: change.task, reason: reasonOf(error) }, isEdit ? "refused a change of delegations" : "refused a document that was signed elsewhere");
      await this.#recover(false);
      await end(refused);
    }
    return true;
  }

  async #plan(head: Head, all: readonly OpenChange[], due: Due, { open, roles, last }: Round): Promise<Plan> {
    for (const change of all) {
      const reason = poisonous(change);
      if (reason !== undefined) this.#unpressable.set(change.id, reason);
    }
    const listed = await listedOf(this.#deps, head, open);
    const steps = planning({ open, tree: head.tree, listed, unpressable: this.#unpressable, refresh: [...due.roles, ...roles], rounds: last, force: due.force, people: unpressed(head), outside: head.outside.roles });
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      await nextTurn();
    }
  }

  /** New versions that people have to sign begin to wait for them. Answers whether anything was done. */
  async #begin(hold: LeaseHold, head: Head, events: readonly SigningEvent[], asked: { readonly due: readonly string[]; readonly edits: boolean }): Promise<boolean> {
    try {
      const { head: after, worked } = await this.#delegated.begin(this.#ceremonyTurn(hold), head, events, asked);
      this.#head = after;
      return worked;
    } catch (error) {
      if (!(error instanceof Unpressable)) throw error;
      const waiting = await this.#deps.database.waitingChanges(error.role, { changes: this.#deps.policy.maxBatchChanges, bytes: this.#deps.policy.maxBatchBytes });
      this.#setAside(error, { changes: waiting.map((change) => ({ ...change, role: error.role, outcome: "apply" })), edits: new Map(), publishes: false });
      await this.#deps.database.resumeWaiting(hold.lease, error.role);
      return true;
    }
  }

  /** The next plan leaves these changes out; their tasks fail with the reason (promise 5). */
  #setAside(error: Unpressable, plan: Plan): void {
    const offending = unpressableOf(error, plan.changes);
    if (offending.size === 0) throw error;
    for (const [id, reason] of offending) this.#unpressable.set(id, reason);
    this.#deps.telemetry.metrics.setAside(offending.size);
    this.#deps.telemetry.log.error({ role: error.role, changes: offending.size, reason: error.message }, "set changes aside");
  }

  async #recover(died: boolean): Promise<void> {
    const hold = this.#required();
    this.#head = undefined;
    this.#next.forget();
    await this.#behind.ended().catch(() => undefined);
    await recover(this.#deps, hold, died);
    // It may have shown a timestamp, and so may whoever led before, in this moment.
    this.#lastPublish = this.#deps.clock.monotonic();
    const state = await this.#deps.database.publisher();
    this.#halt.found(state);
    this.#head = await readHead(this.#deps.database, state, this.#deps.policy.snapshotHashes);
    this.#nextTick = 0;
    this.#needsRecovery = false;
    this.#delegated.lookAgain();
  }

  async #takeLease(): Promise<LeaseHold | undefined> {
    try {
      if (await this.takeOver()) return this.#hold;
    } catch (error) {
      await this.#halt.report(this.#hold, error);
      this.#needsRecovery = true;
      if (this.#hold !== undefined && !isLeaseLost(error)) return this.#hold;
    }
    return undefined;
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const hold = this.#required();
    const ended = new AbortController();
    const both = AbortSignal.any([signal, ended.signal]);
    const kept = hold.keep(both, () => { ended.abort(); });
    const woken = new Wakeup();
    const unsubscribe = this.#deps.database.subscribe("work", () => {
      this.#next.hint();
      woken.wake();
    });
    let pause: number = RETRY_MS.first;
    try {
      while (!both.aborted) {
        try {
          const worked = await this.turn();
          pause = RETRY_MS.first;
          if (worked) continue;
          await showBacklog(this.#deps);
          await woken.wait(this.#deps.clock, this.#idleMs(), both);
        } catch (error) {
          await this.#halt.report(this.#hold, error);
          if (isLeaseLost(error)) return;
          await this.#deps.clock.sleep(pause, both);
          pause = Math.min(pause * 2, RETRY_MS.longest);
        }
      }
    } finally {
      unsubscribe();
      ended.abort();
      await kept;
      this.#next.forget();
      await this.#behind.ended().catch(() => undefined);
      this.#hold = undefined;
      this.#head = undefined;
      this.#deps.telemetry.metrics.leading(false);
      await this.#deps.database.releaseLease(hold.lease).catch(() => undefined);
    }
  }

  /** Waits until the last publish is as long ago as configuration and storage ask. */
  async #spaceOut(): Promise<void> {
    const { clock } = this.#deps;
    const wait = this.#lastPublish + this.#spacingMs - clock.monotonic();
    if (wait > 0) await clock.sleep(wait);
  }

  /** Whether every long batch is: shares of one (share.ts) are pressed elsewhere, and nobody passes between their roles. */
  #isOvertaken(mayOvertake: boolean): boolean {
    return mayOvertake && this.#deps.policy.share.fromRoles === 0;
  }

  get #spacingMs(): number {
    const { policy, storage } = this.#deps;
    return Math.max(policy.minIntervalMs, storage.traits.minReplaceMs);
  }

  #required(): LeaseHold {
    if (this.#hold === undefined) throw new DatabaseError("lease-lost", "this publisher does not hold the lease");
    return this.#hold;
  }
}

const NO_TASKS: ReadonlySet<string> = new Set();
const NOTHING_DUE: Due = { roles: [], people: [], force: false };
