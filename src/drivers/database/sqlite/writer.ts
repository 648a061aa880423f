// The order in which the database thread works.
//
// - Requests that wait together share one transaction, each behind a savepoint.
// - Leases move at once.
// - Calls run one after another; what goes in slices lets the two above in between.
// - What is written ahead of a large request, or of an import, goes between calls, a slice at a time.
// - What a large batch binds goes after all of these, so that small ones are published meanwhile.
// - Folding goes on when nothing of that waits: it is nobody's next step, and is fenced in each slice. A request that comes
//   meanwhile, and each step of its publishing, cut a slice short: whoever adds one artifact beside an import waits for some
//   10 ms of it, and not for 100.
// - The log is copied to the file by another thread (log-copier.ts), and meanwhile nothing long is done: what is written then
//   has to be copied here before the log can begin anew.
// - Between those steps, too, folding that nobody waits for, what a batch binds that others pass, and what is written ahead of an import, stand
//   aside for a moment; and for another one behind the last of them, in which clients read what was published.

import { StepAside } from "../../../lib/step-aside.ts";
import { DatabaseError } from "../../../ports/database.ts";
import type { Accepted, Topic } from "../../../ports/database.ts";
import { adopt, stageAdopted, stageEnded } from "./adopt.ts";
import { acceptOne, stageSlice, unstage } from "./accept.ts";
import { commit, cut, cutOn, dropBatch, rebase, stageMoves, stageResults, stageTaskResults, undoCut } from "./batch.ts";
import type { Connection } from "./connection.ts";
import { endEvent, forgetEvent, freezeEvent } from "./event-end.ts";
import { fold, type Urgent } from "./fold.ts";
import { dropImport, openImport, stageRun } from "./import.ts";
import { allocateVersions, fence, halt, markVisible, releaseLease, renewLease, takeLease } from "./lease.ts";
import { SLICE, SMALL_CUT } from "./messages.ts";
import type { LogCopier } from "./log-copier.ts";
import type { AcceptMessage, Call, Fault, WriteCalls } from "./messages.ts";
import { keepDelivery, post, takeDelivery } from "./notice.ts";
import { claimShare, finishShare, releaseClaim, renewClaim, shareOut } from "./share.ts";
import { endTasks, forgetBefore, forgetGarbage } from "./task.ts";
import { resumeWaiting, setWaiting } from "./waiting.ts";

type Steps<T> = Generator<void, T>;
type Methods = { readonly [K in Exclude<keyof WriteCalls, "accept">]: (...args: Parameters<WriteCalls[K]>) => ReturnType<WriteCalls[K]> | Steps<ReturnType<WriteCalls[K]>> };

export type Answer = (outcome: { readonly value: unknown } | { readonly fault: Fault }) => void;
export type Hint = (topic: Topic) => void;

/** What comes and goes at the ends of turns, in the middle of one. */
export interface Mail {
  /** Submits what has arrived. */
  takeIn(): void;
  /** Sends what was answered. */
  sendOff(): void;
}

/** Calls that do not wait for the one in progress. */
const AT_ONCE: ReadonlySet<keyof WriteCalls> = new Set(["takeLease", "renewLease", "releaseLease"] as const);
/** The lane of a call that is not among `calls`. */
const LANES: Partial<Record<keyof WriteCalls, "staging" | "runs" | "cuts" | "folds">> = { stage: "staging", openImport: "staging", stageRun: "runs", cutOn: "cuts", fold: "folds" };
/** Folding that nobody waits for. */
const isPatient = ({ method, args }: Call): boolean => method === "fold" && args[2] === true;
/** A publisher presses and puts a role in less than `quietMs`, between two calls; clients read what is new within `lingerMs`. */
const ASIDE = { quietMs: 25, mostMs: 150, lingerMs: 15 } as const;
/** Rows written after which the log is copied: some 30 MB of it. Pages that large batches write again and again are copied once in so many. */
const COPIED_ROWS = 40_000;
/** After so many turns that calls took, what is staged has one. */
const CALLS_IN_A_ROW = 4;
const HINTS: Partial<Record<keyof WriteCalls, Topic>> = { shareOut: "shares", releaseClaim: "shares", finishShare: "shares", dropBatch: "work", resumeWaiting: "work", forgetEvent: "work", markVisible: "visible", endTasks: "visible", endEvent: "visible", adopt: "visible", halt: "visible", post: "visible" };

interface Waiting {
  readonly call: Call;
  readonly answer: Answer;
}

/** Calls that run one after another; one may have begun. */
interface Lane {
  readonly queue: Waiting[];
  current: { readonly steps: Steps<unknown>; readonly waiting: Waiting } | undefined;
}

/** Of a batch that somebody waits for, not of an import's. */
const isSmallCut = (call: Call): boolean => call.method === "cut" && (call as Call<"cut">).args[2] <= SMALL_CUT;
/** Of one that others pass. */
const isPatientCut = ({ queue: [next] }: Lane): boolean => next !== undefined && (next.call as Call<"cutOn">).args[1].patiently;
const emptyLane = (): Lane => ({ queue: [], current: undefined });
const isBusy = ({ queue, current }: Lane): boolean => queue.length > 0 || current !== undefined;

export class Writer {
  readonly #db: Connection;
  readonly #now: () => number;
  readonly #hint: Hint;
  readonly #mail: Mail;
  readonly #copier: LogCopier | undefined;
  readonly #methods: Methods;
  #accepts: { readonly request: AcceptMessage; readonly answer: Answer }[] = [];
  #atOnce: Waiting[] = [];
  /** In the order in which they go. */
  readonly #lanes = { calls: emptyLane(), staging: emptyLane(), runs: emptyLane(), cuts: emptyLane(), folds: emptyLane(), behind: emptyLane() };
  #isEnding = false;
  #callsInARow = 0;
  /** By `performance.now()`. */
  readonly #aside: StepAside;
  #scheduled = false;
  /** The copy of the log that is under way. */
  #copying: Promise<void> | undefined;

  constructor(db: Connection, now: () => number, hint: Hint, mail: Mail, copier?: LogCopier, aside = new StepAside(ASIDE)) {
    this.#db = db;
    this.#now = now;
    this.#hint = hint;
    this.#mail = mail;
    this.#copier = copier;
    this.#aside = aside;
    this.#methods = methodsOn(db, now, () => {
      mail.takeIn();
      const { queue } = this.#lanes.calls;
      return this.#accepts.length > 0 || queue.some(({ call }) => isSmallCut(call)) || (queue.length > 0 && this.#aside.isOn(performance.now()));
    });
  }

  submit(call: Call, answer: Answer): void {
    if (call.method === "accept") this.#accepts.push({ request: (call as Call<"accept">).args[0], answer });
    else (AT_ONCE.has(call.method) ? this.#atOnce : this.#lanes[isPatient(call) ? "behind" : LANES[call.method] ?? "calls"].queue).push({ call, answer });
    this.#schedule();
  }

  /** Removes what an earlier process, or a client that died, left half done. Nobody else is using the file. */
  clean(): void {
    for (const { no } of this.#db.all("SELECT no FROM staging")) for (const _ of unstage(this.#db, Number(no)));
    for (const { id } of this.#db.all("SELECT id FROM batch WHERE state = 'cutting'")) for (const _ of undoCut(this.#db, String(id)));
  }

  /** Does everything that waits. No copy of the log begins any more. */
  finish(): void {
    this.#isEnding = true;
    while (this.#isWaiting()) this.turn();
  }

  /** Resolves when no copy of the log is under way. */
  async copied(): Promise<void> {
    await this.#copying;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // After the messages that have arrived by now: they share the turn's transaction.
    setImmediate(() => {
      this.#scheduled = false;
      const asideMs = this.turn();
      if (asideMs > 0) setTimeout(() => { this.#schedule(); }, asideMs);
      else if (this.#mayGoOn()) this.#schedule();
    });
  }

  #isWaiting(): boolean {
    return this.#accepts.length > 0 || this.#atOnce.length > 0 || Object.values(this.#lanes).some(isBusy);
  }

  #mayGoOn(): boolean {
    return this.#accepts.length > 0 || this.#atOnce.length > 0 || this.#lanesNow(false).some(isBusy);
  }

  /** What is next. Answers for how long what is left stands aside, milliseconds; 0: not at all. */
  turn(): number {
    for (const waiting of this.#atOnce.splice(0)) this.#attempt(waiting, this.#lanes.calls, () => this.#call(waiting.call));
    if (this.#accepts.length > 0) {
      this.#acceptGroup();
      // Whoever was accepted does not wait for a slice of something else.
      this.#mail.sendOff();
      this.#aside.begins(performance.now());
    }
    const asideMs = this.#isEnding ? 0 : this.#aside.leftMs(performance.now());
    const lane = this.#nextLane(asideMs > 0);
    if (lane === undefined) return asideMs;
    this.#goOn(lane);
    if (this.#db.written >= COPIED_ROWS) this.#copyLog();
    return 0;
  }

  #copyLog(): void {
    if (this.#copying !== undefined || this.#isEnding) return;
    this.#copying = this.#copier?.copy().then(() => {
      this.#copying = undefined;
      // The little that was written meanwhile: with it the log can begin anew.
      this.#db.copyLog();
      this.#db.written = 0;
      this.#schedule();
    });
  }

  #goOn(lane: Lane): void {
    if (!lane.current) {
      const waiting = lane.queue.shift();
      if (waiting === undefined) return;
      this.#attempt(waiting, lane, () => this.#call(waiting.call));
      if (waiting.call.method === "markVisible") this.#aside.ends(performance.now());
      else if (lane === this.#lanes.calls) this.#aside.goesOn(performance.now());
      return;
    }
    const { steps, waiting } = lane.current;
    lane.current = undefined;
    this.#attempt(waiting, lane, () => this.#advance(steps, waiting, lane));
  }

  /** Undefined when nothing waits, or only what stands aside, or waits for the copy of the log. */
  #nextLane(isAside: boolean): Lane | undefined {
    const next = this.#lanesNow(isAside).find(isBusy);
    this.#callsInARow = next === this.#lanes.calls ? this.#callsInARow + 1 : 0;
    return next;
  }

  /** In their order now. */
  #lanesNow(isAside: boolean): readonly Lane[] {
    const { calls, staging, runs, cuts, folds, behind } = this.#lanes;
    const isLate = this.#callsInARow >= CALLS_IN_A_ROW;
    if (this.#copying !== undefined && !this.#isEnding) return isLate ? [staging, calls] : [calls, staging];
    const ahead = isAside ? [staging] : [staging, runs];
    return [...(isLate ? [...ahead, calls] : [calls, ...ahead]), ...(isAside && isPatientCut(cuts) ? [] : [cuts]), folds, ...(isAside ? [] : [behind])];
  }

  #attempt(waiting: Waiting, lane: Lane, work: () => unknown): void {
    let value: unknown;
    try {
      value = work();
    } catch (error) {
      waiting.answer({ fault: toFault(error) });
      return;
    }
    if (isSteps(value)) {
      this.#attempt(waiting, lane, () => this.#advance(value, waiting, lane));
      return;
    }
    if (value === CONTINUES) return;
    const topic = HINTS[waiting.call.method];
    if (topic) this.#hint(topic);
    waiting.answer({ value });
  }

  #advance(steps: Steps<unknown>, waiting: Waiting, lane: Lane): unknown {
    const step = steps.next();
    if (step.done) return step.value;
    lane.current = { steps, waiting };
    return CONTINUES;
  }

  #call({ method, args }: Call): unknown {
    if (method === "accept") throw new Error("accept has its own way");
    return (this.#methods[method] as (...args: unknown[]) => unknown)(...args);
  }

  /** Group commit: one transaction, one sync, for all that wait; at most about a slice of rows. */
  #acceptGroup(): void {
    let rows = 0;
    const count = this.#accepts.findIndex(({ request }) => (rows += 1 + ("flat" in request.changes ? request.count : 0)) > SLICE);
    const group = this.#accepts.splice(0, count < 0 ? this.#accepts.length : Math.max(count, 1));
    const outcomes: (Parameters<Answer>[0])[] = [];
    const hints = new Set<Topic>();
    try {
      this.#db.transaction(() => {
        for (const { request } of group) {
          try {
            const value: Accepted = this.#db.savepoint(() => acceptOne(this.#db, request, this.#now()));
            outcomes.push({ value });
            if (value.outcome === "replayed") continue;
            if (request.result) hints.add("visible");
            if (request.count > 0 || request.releaseHeld || !request.result) hints.add("work");
          } catch (error) {
            if (!this.#db.isTransaction) throw error;
            outcomes.push({ fault: toFault(error) });
          }
        }
      });
    } catch (error) {
      const fault = toFault(error);
      for (const [i, { answer }] of group.entries()) {
        const own = outcomes[i];
        answer(own && "fault" in own ? own : { fault });
      }
      return;
    }
    for (const topic of hints) this.#hint(topic);
    for (const [i, { answer }] of group.entries()) answer(outcomes[i] ?? { value: undefined });
  }
}

const CONTINUES = Symbol("continues");

function isSteps(value: unknown): value is Steps<unknown> {
  return typeof value === "object" && value !== null && Symbol.iterator in value && "next" in value;
}

export function toFault(error: unknown): Fault {
  if (error instanceof DatabaseError) return { code: error.code, message: error.message };
  return { code: undefined, message: error instanceof Error ? error.message : String(error) };
}

function methodsOn(db: Connection, now: () => number, isUrgent: () => boolean): Methods {
  const urgent: Urgent = { waits: isUrgent, gaveUp: 0 };
  return {
    stage: (...args) => stageSlice(db, ...args),
    unstage: (staging) => unstage(db, staging),
    openImport: (request) => openImport(db, request, now()),
    stageRun: (part) => stageRun(db, part, now()),
    dropImport: (task, writer) => dropImport(db, task, writer),
    takeLease: (holder, ttlMs) => takeLease(db, holder, ttlMs, now()),
    renewLease: (lease, ttlMs) => renewLease(db, lease, ttlMs, now()),
    releaseLease: (lease) => releaseLease(db, lease, now()),
    halt: (lease, halted) => halt(db, lease, halted, now()),
    cut: (lease, batch, total) => cut(db, lease, batch, total, now()),
    cutOn: (lease, slice) => cutOn(db, lease, slice, now()),
    undoCut: (batch) => undoCut(db, batch),
    rebase: (lease, batch, base) => rebase(db, lease, batch, base, now()),
    allocate: (lease, count, above) => db.transaction(() => {
      fence(db, lease, now());
      return allocateVersions(db, count, above);
    }),
    stageResults: (lease, batch, results) => stageResults(db, lease, batch, results, now),
    stageMoves: (lease, batch, moves) => stageMoves(db, lease, batch, moves, now),
    stageTaskResults: (lease, batch, results) => stageTaskResults(db, lease, batch, results, now),
    commit: (lease, message) => commit(db, lease, message, now()),
    markVisible: (lease, seq) => markVisible(db, lease, seq, now()),
    fold: (lease, limit, _) => fold(db, lease, limit, now, urgent),
    dropBatch: (lease, batch, died) => dropBatch(db, lease, batch, died, now),
    endTasks: (lease, results, settings, events) => endTasks(db, lease, results, settings, events, now()),
    shareOut: (lease, batch, terms, shares) => shareOut(db, lease, batch, terms, shares, now()),
    claimShare: (holder, ttlMs) => claimShare(db, holder, ttlMs, now()),
    renewClaim: (claim, ttlMs) => renewClaim(db, claim, ttlMs, now()),
    releaseClaim: (claim) => releaseClaim(db, claim),
    finishShare: (claim, results) => finishShare(db, claim, results),
    setWaiting: (lease, changes) => setWaiting(db, lease, changes, now),
    resumeWaiting: (lease, role) => resumeWaiting(db, lease, role, now),
    freezeEvent: (lease, event, frozen) => freezeEvent(db, lease, event, frozen, now()),
    endEvent: (lease, event, ending) => endEvent(db, lease, event, ending, now()),
    forgetEvent: (lease, event) => forgetEvent(db, lease, event, now),
    stageAdopted: (lease, adoption, role, targets) => stageAdopted(db, lease, adoption, role, targets, now),
    stageEnded: (lease, adoption, changes) => stageEnded(db, lease, adoption, changes, now),
    adopt: (lease, message) => adopt(db, lease, message, now()),
    post: (lease, notices) => db.transaction(() => {
      fence(db, lease, now());
      post(db, notices, now());
      return undefined;
    }),
    takeDelivery: (receiver, holder, ttlMs) => takeDelivery(db, receiver, holder, ttlMs, now()),
    keepDelivery: (receiver, holder, sent) => keepDelivery(db, receiver, holder, sent),
    forgetGarbage: (lease, names) => forgetGarbage(db, lease, names, now()),
    forgetBefore: (lease, limits, limit) => forgetBefore(db, lease, limits, limit, now()),
  };
}
