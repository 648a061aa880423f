// A database that remembers its transactions, so that it can lose the last of them.
//
// On a real engine its calls take time, which whoever lets time pass waits for (`rest`), and it loses nothing.

import assert from "node:assert/strict";
import type { AcceptRequest, Database, NewChange, Topic } from "../../src/ports/database.ts";
import type { Engine } from "./engine.ts";

const WRITES = new Set([
  "accept", "openImport", "stageImport", "dropImport", "takeLease", "renewLease", "releaseLease", "halt", "cut", "rebase", "allocate", "stageAdopted", "stageEnded", "adopt", "stageResults", "stageTaskResults",
  "commit", "markVisible", "fold", "dropBatch", "endTasks", "forgetGarbage", "forgetBefore", "stageMoves",
  "shareOut", "claimShare", "renewClaim", "releaseClaim", "finishShare", "setWaiting", "resumeWaiting", "post", "freezeEvent", "endEvent", "forgetEvent",
]);
/** What is hinted by whom, where the database's own hints come by a network. */
const HINTS: Readonly<Record<string, Topic | undefined>> = {
  accept: "work", dropBatch: "work", resumeWaiting: "work", forgetEvent: "work", markVisible: "visible", endTasks: "visible", endEvent: "visible", adopt: "visible",
  halt: "visible", post: "visible", shareOut: "shares", releaseClaim: "shares", finishShare: "shares",
};

/** Calls of a database that takes its time. */
let underWay = 0;
const waiting: (() => void)[] = [];

/** Lets everything that is ready run, and what databases are asked for be answered. */
export async function rest(): Promise<void> {
  for (;;) {
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    if (underWay === 0) return;
    await new Promise<void>((resolve) => waiting.push(resolve));
  }
}

export class History {
  readonly #engine: Engine;
  readonly #clock: { now(): number };
  #inner: Database;
  #replayNow: number | undefined;
  readonly #entries: { readonly method: string; readonly args: readonly unknown[]; readonly now: number }[] = [];
  readonly #listeners = new Set<{ readonly topic: Topic; readonly call: () => void; end: () => void }>();
  /** A task may have changed its state since somebody looked. */
  tasksMoved = false;
  /** What somebody asks for as soon as the next batch is cut. */
  uponCut: (() => Promise<unknown>) | undefined;

  constructor(engine: Engine, clock: { now(): number }) {
    this.#engine = engine;
    this.#clock = clock;
    this.#inner = engine.open(() => this.#now());
  }

  #now(): number {
    return this.#replayNow ?? this.#clock.now();
  }

  /** The database itself, never faulty. */
  get inner(): Database {
    return this.#inner;
  }

  /** What publishers and requests speak to; its transactions are remembered. */
  readonly database: Database = new Proxy({} as Database, {
    get: (_, method: string) => {
      return (...args: readonly unknown[]) => {
        if (method === "subscribe") return this.#subscribe(args[0] as Topic, args[1] as () => void);
        if (WRITES.has(method)) this.#entries.push({ method, args, now: this.#clock.now() });
        if (method === "cut") return this.#cut(args);
        if (method === "markVisible" || method === "endTasks") this.tasksMoved = true;
        return this.#engine.apart ? this.#slowly(method, args) : called(this.#inner, method, args);
      };
    },
  });

  async #cut(args: readonly unknown[]): Promise<unknown> {
    const answer = await (this.#engine.apart ? this.#slowly("cut", args) : called(this.#inner, "cut", args));
    const then = this.uponCut;
    this.uponCut = undefined;
    await then?.();
    return answer;
  }

  async #slowly(method: string, args: readonly unknown[]): Promise<unknown> {
    underWay += 1;
    try {
      return await called(this.#inner, method, args);
    } finally {
      underWay -= 1;
      if (underWay === 0) for (const resolve of waiting.splice(0)) resolve();
      const topic = HINTS[method];
      if (topic !== undefined) setImmediate(() => { for (const listener of [...this.#listeners]) if (listener.topic === topic) listener.call(); });
    }
  }

  /** Listeners outlive a database that lost commits. */
  #subscribe(topic: Topic, call: () => void): () => void {
    const listener = { topic, call, end: this.#inner.subscribe(topic, call) };
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      listener.end();
    };
  }

  /** How many transactions there were. */
  get length(): number {
    return this.#entries.length;
  }

  /** Position of the last transaction of that kind; -1 when there is none. */
  lastOf(method: string): number {
    return this.#entries.findLastIndex((entry) => entry.method === method);
  }

  /** Position of the last accepted request for a change of that kind; -1 when there is none. */
  lastAccepted(kind: NewChange["kind"]): number {
    return this.#entries.findLastIndex(({ method, args }) => method === "accept" && (args[0] as AcceptRequest).changes.some((change) => change.kind === kind));
  }

  /** Position of the first commit, before which the database is of no repository; -1. */
  get firstCommit(): number {
    return this.#entries.findIndex((entry) => entry.method === "commit");
  }

  /** The database is from now on as it was before transaction `at`. */
  lose(at: number): void {
    assert.ok(!this.#engine.apart, "only a database in memory loses what it is told to");
    const kept = this.#entries.splice(0).slice(0, at);
    this.#inner = this.#engine.open(() => this.#now());
    for (const { method, args, now } of kept) {
      this.#replayNow = now;
      void Promise.resolve(called(this.#inner, method, args)).catch(() => undefined);
    }
    this.#replayNow = undefined;
    this.#entries.push(...kept);
    for (const listener of this.#listeners) listener.end = this.#inner.subscribe(listener.topic, listener.call);
  }
}

const called = (database: Database, method: string, args: readonly unknown[]): unknown =>
  (Reflect.get(database, method) as (...args: readonly unknown[]) => unknown).apply(database, [...args]);
