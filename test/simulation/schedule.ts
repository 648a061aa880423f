// One random schedule: publishers, requests, time and faults, one step at a time.
//
// Every call a publisher makes of a port waits until the schedule lets it go, so whoever is
// not let go stands still: a pause, a slow network, a write that lands late, a take-over while
// somebody is in the middle of a batch are all nothing but the order of steps. The same seed
// takes the same steps.

import assert from "node:assert/strict";
import { SignerError } from "../../src/ports/signer.ts";
import { Actor, type FaultKind } from "../crash/actor.ts";
import { adoptByHand } from "../crash/lost-history.ts";
import { isSettled, publishAll, settle, until } from "../crash/at-rest.ts";
import { ROOT_HOLDERS } from "../crash/holders.ts";
import { World } from "../crash/world.ts";
import { createFakeRandom } from "../fakes/clock.ts";
import { DAY_MS } from "../fakes/publisher-stage.ts";
import type { AcceptRequest } from "../../src/ports/database.ts";
import { failure, faultyDatabase, type PortCall } from "../fakes/faults.ts";

export interface Outcome {
  readonly seed: number;
  /** What was done, one line a step. */
  readonly steps: readonly string[];
  /** How often each thing happened. */
  readonly counts: ReadonlyMap<string, number>;
  readonly violation?: Error;
}

/** A call that waits to be let go. */
interface Waiting {
  readonly actor: string;
  readonly call: PortCall;
  readonly sent: boolean;
  readonly go: () => void;
}

const PATHS = ["a", "b", "c/d", "e", "f/g/h"];
const STEPS = 120;

export async function simulate(seed: number): Promise<Outcome> {
  const schedule = new Schedule(seed);
  try {
    await schedule.run();
    return schedule.outcome();
  } catch (error) {
    return { ...schedule.outcome(), violation: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** One after another, until one breaks a promise; that one is the last. */
export async function simulateUntilBroken(from: number, count: number): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let seed = from; seed < from + count && outcomes.at(-1)?.violation === undefined; seed++) outcomes.push(await simulate(seed));
  return outcomes;
}

class Schedule {
  readonly #seed: number;
  readonly #random;
  readonly #world: World;
  readonly #steps: string[] = [];
  readonly #counts = new Map<string, number>();
  readonly #waiting: Waiting[] = [];
  #actors: { readonly name: string; readonly actor: Actor }[] = [];
  #born = 0;
  #kills = 0;
  #unanswered: AcceptRequest[] = [];
  /** How likely a call is to fail in one of its ways. */
  readonly #faultRate: number;
  /** In such a world the database goes back, once. */
  readonly #loses: boolean;
  #lost = false;
  /** In such a world root asks for its next version by itself. */
  readonly #rootEnds: boolean;
  /** In such a world whoever does not lead helps: every batch on two roles goes in shares of one. */
  readonly #shares: boolean;

  /** In such a world imports come, too, and others overtake their batches. */
  readonly #imports: boolean;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = createFakeRandom(seed);
    this.#faultRate = this.#pick([0, 0.01, 0.03, 0.1]);
    this.#rootEnds = this.#chance(0.25);
    this.#loses = this.#chance(0.25) && !World.engine.apart;
    this.#shares = this.#chance(0.5);
    this.#imports = this.#chance(0.5);
    this.#world = new World({
      seed,
      weakReplace: this.#chance(0.3),
      rootNearsItsEnd: this.#rootEnds,
      policy: { signingWindows: { defaultMs: 0, rootMs: this.#rootEnds ? 30 * DAY_MS : 0 }, share: { fromRoles: this.#shares ? 2 : 0, mostRoles: 1 }, maxBatchChanges: this.#pick([1, 3, 20_000]), foldBehindFrom: this.#imports ? 1 : this.#pick([1, 64]), refresh: { atRemainingFraction: 1 / 3, jitterFraction: 0.1, marginMs: 3_600_000, tickMs: this.#pick([60_000, 3_600_000]) } },
    });
  }

  outcome(): Outcome {
    return { seed: this.#seed, steps: this.#steps, counts: this.#counts };
  }

  async run(): Promise<void> {
    const world = this.#world;
    await world.accept(world.bootstrap(this.#shares || this.#imports ? 4 : 2));
    if (this.#chance(0.8)) await publishAll(world);
    if (this.#rootEnds) world.rootHolders = ROOT_HOLDERS.slice(0, 1);
    this.#spawn();
    for (let step = 0; step < STEPS; step++) {
      await this.#step();
      await settle();
      await world.requireUnbroken();
    }
    await this.#repair();
  }

  // ---------------------------------------------------------------- steps

  async #step(): Promise<void> {
    const letGo = this.#waiting.length > 0 && this.#chance(0.75);
    if (letGo) {
      await this.#letGo(this.#pick([1, 1, 1, 1, 10, 40]));
      return;
    }
    const acts: readonly (readonly [number, () => void | Promise<void>])[] = [
      [6, () => this.#request()],
      [this.#imports ? 2 : 0, () => this.#import()],
      [4, () => this.#pass(this.#pick([100, 250, 1_000]))],
      [2, () => this.#pass(this.#pick([5_000, 16_000]))],
      [0.3, () => this.#pass(this.#pick([3_700_000, 12 * 3_600_000]))],
      [this.#kills < 2 ? 0.7 : 0, () => this.#kill()],
      [this.#actors.length < 3 ? 2 : 0, () => this.#spawn()],
      [0.7, () => this.#pauseOrResume()],
      [0.5, () => this.#jump()],
      [0.5, () => this.#disturbSigners()],
      [1, () => this.#world.watch.finishFlight()],
      [this.#rootEnds ? 4 : 0, () => this.#signRoot()],
      [this.#loses && !this.#lost ? 0.7 : 0, () => this.#lose()],
    ];
    let draw = this.#random.fraction() * acts.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, act] of acts) {
      draw -= weight;
      if (draw > 0) continue;
      await act();
      return;
    }
  }

  /** The oldest waiting call of somebody, or that one's next `count` calls. */
  async #letGo(count: number): Promise<void> {
    const name = this.#pick([...new Set(this.#waiting.map(({ actor }) => actor))]);
    for (let gone = 0; gone < count; gone++) {
      const at = this.#waiting.findIndex(({ actor }) => actor === name);
      if (at < 0) return;
      const [waiting] = this.#waiting.splice(at, 1);
      this.#note(`${name}: ${waiting!.call.name}${waiting!.sent ? " lands" : ""}`, waiting!.call.name === "database.finishShare" ? "share" : "call");
      waiting!.go();
      await settle();
      await this.#world.requireUnbroken();
    }
  }

  async #pass(ms: number): Promise<void> {
    this.#note(`${String(ms)} ms pass`, "time");
    await this.#world.clock.advance(ms);
  }

  #spawn(): void {
    const name = `P${String(++this.#born)}`;
    const wait = (call: PortCall, sent: boolean): Promise<void> =>
      this.#repairing ? Promise.resolve() : new Promise((go) => this.#waiting.push({ actor: name, call, sent, go }));
    const actor = new Actor(this.#world, { before: (call) => wait(call, false), sent: (call) => wait(call, true) });
    actor.fault = (call) => this.#faultOf(name, call);
    actor.answer = (signature, bytes) => this.#signature(signature, bytes);
    this.#actors.push({ name, actor });
    this.#note(`${name} starts`, "start");
    actor.start();
  }

  #faultOf(name: string, call: PortCall): FaultKind | undefined {
    if (this.#repairing || !this.#chance(this.#faultRate)) return undefined;
    const kinds: FaultKind[] = ["not stored", "failed"];
    if (call.name === "storage.createAll") kinds.push("half stored");
    if (this.#kills < 2) kinds.push("killed");
    const kind = this.#pick(kinds);
    if (kind === "killed") this.#died(name);
    this.#note(`${name}: ${call.name} meets: ${kind}`, kind);
    return kind;
  }

  #kill(): void {
    if (this.#actors.length === 0) return;
    const victim = this.#pick(this.#actors);
    victim.actor.kill();
    this.#note(`${victim.name} is killed`, "killed");
    this.#died(victim.name);
  }

  #died(name: string): void {
    this.#kills += 1;
    this.#actors = this.#actors.filter((other) => other.name !== name);
    // What is on its way lands all the same; what was not sent never is.
    for (const waiting of this.#waiting.splice(0)) if (waiting.actor !== name || waiting.sent) this.#waiting.push(waiting);
  }

  /** The last commits, or the last transactions, never happened; publishers know nothing of it. */
  #lose(): void {
    const first = this.#world.history.firstCommit;
    const last = this.#world.history.length;
    if (first < 0 || last <= first + 1) return;
    this.#lost = true;
    const at = Math.max(first + 1, last - this.#pick([1, 5, 20, 60, 120]));
    this.#note(`the database forgets ${String(last - at)} transactions`, "lost");
    this.#world.loseCommits(at);
  }

  #pauseOrResume(): void {
    if (this.#actors.length === 0) return;
    const one = this.#pick(this.#actors);
    if (one.actor.paused) one.actor.resume();
    else one.actor.pause();
    this.#note(`${one.name} ${one.actor.paused ? "stands still" : "goes on"}`, "pause");
  }

  /** A publisher's own clock is set, a little or far. */
  #jump(): void {
    if (this.#actors.length === 0) return;
    const one = this.#pick(this.#actors);
    one.actor.skewMs = this.#pick([0, 0, -30_000, 30_000, -400_000, 90_000, 86_400_000]);
    this.#note(`${one.name}'s clock is off by ${String(one.actor.skewMs)} ms`, "clock");
  }

  #badSignatures = 0;
  #stale = "";

  #disturbSigners(): void {
    this.#badSignatures = this.#pick([1, 2]);
    this.#note("signers misbehave", "signers");
  }

  /** Another document's signature, or none. */
  #signature(signature: string, bytes: Uint8Array): string {
    const stale = this.#stale;
    if (bytes.length % 2 === 0) this.#stale = signature;
    if (this.#badSignatures === 0 || this.#repairing) return signature;
    this.#badSignatures -= 1;
    if (stale === "") throw new SignerError("unavailable", "no answer");
    return stale;
  }

  async #signRoot(): Promise<void> {
    if (await this.#world.signAll()) this.#note("the next root is signed", "root signed");
  }

  async #request(): Promise<void> {
    const world = this.#world;
    const again = this.#repeatable().length > 0 && this.#chance(0.5);
    const paths = [...new Set(Array.from({ length: this.#pick([1, 1, 2, 4]) }, () => this.#pick(PATHS)))];
    const request = again
      ? this.#repeatable().shift()!
      : this.#pick([
        () => world.adds(paths), () => world.adds(paths), () => world.adds(paths, { held: true }), () => world.removes(paths), () => world.release(),
        () => world.refresh(this.#pick([["bins"], ["timestamp"], ["snapshot", "targets"]])),
      ])();
    const fate = this.#chance(this.#faultRate * 2) ? this.#pick(["not stored", "failed"] as const) : "answered";
    this.#note(`${again ? "again: " : ""}${request.task.kind}${request.held ? " (held)" : ""} ${(request.task.request.paths ?? []).join(" ")} ${fate === "answered" ? "" : fate}`, "request");
    const door = faultyDatabase(() => ({ ...world.database, accept: (asked) => world.accept(asked) }), {
      before: (call) => { if (fate === "not stored") throw failure(call, false); },
      after: (call) => { if (fate === "failed") throw failure(call, true); },
    });
    await door.accept(request).catch(() => this.#unanswered.push(request));
  }

  /** Whose answer was lost, and may be sent again: as long as its key is remembered. Later it would be another request. */
  #repeatable(): AcceptRequest[] {
    const { clock, policy } = this.#world;
    this.#unanswered = this.#unanswered.filter(({ task }) => clock.now() - task.createdMs < policy.keep.idempotencyMs);
    return this.#unanswered;
  }

  async #import(): Promise<void> {
    const paths = [...new Set(Array.from({ length: this.#pick([1, 2, 6]) }, () => this.#pick(PATHS)))];
    this.#note(`an import of ${paths.join(" ")}`, "import");
    await this.#world.import(paths);
  }

  // ---------------------------------------------------------------- afterwards

  #repairing = false;

  /** No more faults. Whoever lives goes on, one more publisher comes, and everything must come true. */
  async #repair(): Promise<void> {
    const world = this.#world;
    this.#note("no more faults", "repair");
    this.#repairing = true;
    for (const { actor } of this.#actors) {
      actor.skewMs = 0;
      actor.resume();
    }
    for (const waiting of this.#waiting.splice(0)) waiting.go();
    await settle();
    await world.requireUnbroken();
    if (this.#lost) await this.#adopt();
    for (const request of this.#repeatable()) if (this.#chance(0.5)) await world.accept(request);
    await world.accept(world.adds(["last"]));
    this.#spawn();
    // A root whose online keys did not answer is tried again on the next tick.
    if (this.#rootEnds) await world.clock.advance(world.policy.refresh.tickMs + 1);
    const came = await until(world, async () => {
      await world.requireUnbroken();
      return isSettled(world);
    }, 1_000);
    assert.ok(came, "it does not come to rest");
    await world.accept(world.release());
    assert.ok(await until(world, () => isSettled(world)), "what was held is not published");
    if (this.#rootEnds) {
      assert.ok(await until(world, async () => (await isSettled(world)) && (await world.inner.signingEvents()).length === 0), "the next root does not come to its end");
    }
    for (const { actor } of this.#actors) await actor.stop();
    await world.requireWhole();
    if (this.#rootEnds) {
      assert.ok(world.storage.peek("2.root.json"), "root nears its end, and its next version is not published");
      assert.equal(world.storage.peek("3.root.json"), undefined, "root asked twice");
      this.#note("root 2 is published", "root published");
    }
    const late = this.#world.stored;
    await world.clock.advance(60_000);
    assert.deepEqual(world.stored, late, "somebody writes after everybody ended");
  }

  /** Somebody stops the service, adopts what storage holds if it diverged, and starts it again. */
  async #adopt(): Promise<void> {
    const world = this.#world;
    for (const { actor } of this.#actors.splice(0)) await actor.stop();
    const adopted = await adoptByHand(world);
    this.#note(adopted === undefined ? "nothing diverged" : `adopted timestamp ${String(adopted.timestampVersion)}`, adopted === undefined ? "not diverged" : "adopted");
  }

  // ---------------------------------------------------------------- chance

  #note(step: string, kind: string): void {
    this.#steps.push(`${String(this.#world.clock.monotonic()).padStart(9)}  ${step}`);
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  #chance(probability: number): boolean {
    return this.#random.fraction() < probability;
  }

  #pick<T>(among: readonly T[]): T {
    return among[Math.floor(this.#random.fraction() * among.length)] as T;
  }
}
