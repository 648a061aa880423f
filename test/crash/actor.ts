// A publisher of a world, as a process: it runs, it can be paused, killed, and its calls can be
// made to fail. Every call it makes is remembered.

import type { PublisherDeps } from "../../src/publisher/deps.ts";
import { Publisher } from "../../src/publisher/publisher.ts";
import { failure, faultyDatabase, faultySigners, faultyStorage, never, type FaultHooks, type PortCall } from "../fakes/faults.ts";
import type { World } from "./world.ts";

/**
 * - `not stored`     the call fails, and nothing happened
 * - `failed`         the call happened, and is reported as failed
 * - `half stored`    of a bulk call the first half happened; it is reported as failed
 * - `killed`         the call happened, and the process died
 * - `paused before`  the process stands still, the call comes when it goes on
 * - `paused after`   the call happened, then the process stands still
 * - `late`           the call was sent, and takes effect when the process goes on
 */
export type FaultKind = "not stored" | "failed" | "half stored" | "killed" | "paused before" | "paused after" | "late";

export class Actor {
  readonly calls: string[] = [];
  readonly world: World;
  /** Which fault meets a call, if any; `at` counts this actor's calls from 0. */
  fault: (call: PortCall, at: number) => FaultKind | undefined = () => undefined;
  /** The call that met a fault. */
  met: string | undefined;
  /** What `run` rejected with. */
  failed: unknown;
  /** This machine's clock is off by so much, milliseconds. */
  skewMs = 0;
  answer: FaultHooks["answer"];
  readonly #stop = new AbortController();
  readonly #faults = new WeakMap<PortCall, FaultKind>();
  #dead = false;
  #doomed = false;
  readonly #isDead = (): boolean => this.#dead;
  #gate: Promise<void> | undefined;
  #open: (() => void) | undefined;
  #running: Promise<void> | undefined;

  /** `also`: hooks that run outermost, for a scheduler. `work`: what it does instead of publishing. */
  constructor(world: World, also: FaultHooks = {}, work?: (deps: PublisherDeps) => Promise<void>) {
    this.world = world;
    const hooks = this.#hooks(also);
    const { clock } = world;
    const deps = {
      ...world.deps(),
      database: faultyDatabase(() => world.database, hooks),
      storage: faultyStorage(world.storage, hooks),
      signers: faultySigners(world.signers, hooks),
      clock: { now: () => clock.now() + this.skewMs, monotonic: () => clock.monotonic(), sleep: clock.sleep.bind(clock) },
    };
    this.publisher = new Publisher(deps);
    this.#work = () => (work === undefined ? this.publisher.run(this.#stop.signal) : work(deps));
  }
  readonly publisher: Publisher;
  readonly #work: () => Promise<void>;
  #ended = false;

  /** Failed calls are answered only after `letFail`: there is a moment to look around. */
  holdFailures(): void {
    this.#failures = new Promise((resolve) => { this.letFail = resolve; });
  }
  letFail = (): void => {};
  #failures = Promise.resolve();

  start(): this {
    this.#running = this.#work().catch((error: unknown) => { this.failed = error; }).finally(() => { this.#ended = true; });
    return this;
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    this.#stop.abort();
    if (!this.#dead && this.#gate === undefined) await this.#running;
  }

  kill(): void {
    this.#dead = true;
  }

  get stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Whether it came to its end, well or not. */
  get ended(): boolean {
    return this.#ended;
  }

  get dead(): boolean {
    return this.#dead;
  }

  get paused(): boolean {
    return this.#gate !== undefined;
  }

  pause(): void {
    this.#gate ??= new Promise((resolve) => { this.#open = resolve; });
  }

  resume(): void {
    this.#open?.();
    this.#gate = undefined;
  }

  #hooks(also: FaultHooks): FaultHooks {
    const pass = async (): Promise<void> => {
      if (this.#dead) await never();
      while (this.#gate !== undefined) await this.#gate;
      // A call that failed by itself ends as deadly as one that did not.
      if (this.#doomed) this.#dead = true;
      if (this.#isDead()) await never();
    };
    const pauseAt = async (call: PortCall, kind: FaultKind): Promise<void> => {
      if (this.#faults.get(call) !== kind) return;
      this.pause();
      await pass();
    };
    return {
      before: async (call) => {
        await also.before?.(call);
        await pass();
        const at = this.calls.push(call.name) - 1;
        const kind = this.fault(call, at);
        if (kind !== undefined) {
          this.met = call.name;
          this.#faults.set(call, kind);
          if (kind === "killed") this.#doomed = true;
        }
        if (kind !== "not stored") {
          await pauseAt(call, "paused before");
          return;
        }
        await this.#failures;
        throw failure(call, false);
      },
      sent: async (call) => {
        await also.sent?.(call);
        await pauseAt(call, "late");
      },
      after: async (call) => {
        const kind = this.#faults.get(call);
        await pauseAt(call, "paused after");
        await also.after?.(call);
        await pass();
        if (kind !== "failed") return;
        await this.#failures;
        throw failure(call, true);
      },
      partly: (call) => (this.#faults.get(call) === "half stored" ? Math.floor(call.files.length / 2) : undefined),
      answer: (signature, bytes) => this.answer?.(signature, bytes) ?? signature,
    };
  }
}
