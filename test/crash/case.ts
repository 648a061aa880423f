// One fault, and what comes of it: a publisher meets it, the world is looked at, and then
// recovery has to make everything true again.

import assert from "node:assert/strict";
import { sha256Hex } from "../../src/tuf/crypto.ts";
import { Actor, type FaultKind } from "./actor.ts";
import { begin, emptyCache, finish, isKeyless, visit, type Seen } from "./clients.ts";
import { isAtRest, isSettled, settle, until } from "./at-rest.ts";
import type { Scenario } from "./scenario.ts";
import { World } from "./world.ts";

export interface Fault {
  readonly kind: FaultKind;
  /** The call it meets: by its place among the publisher's calls, or the `nth` (from 1) of that name. */
  readonly at: number | { readonly call: string; readonly nth: number };
}

/** B: as clients saw it before; N: anything newer; O: older, of a database that lost commits; –: no repository; ×: a client fails closed. */
type Letter = "B" | "N" | "O" | "–" | "×";

/** What there is when the fault was met, and before anybody does anything about it. */
export interface Facts {
  readonly head: Letter;
  /** After recovery. */
  readonly timestamp: Letter;
  readonly tasks: "open" | "ended";
  readonly fresh: Letter;
  readonly returning: Letter;
  readonly inFlight: Letter;
}

const LEASE_MS = 15_001;

/**
 * Runs the scenario with the fault, then recovery: the same publisher goes on where it lives,
 * another one takes over, and more is published. Throws what was not as it must be.
 */
export async function runCase(scenario: Scenario, fault: Fault): Promise<Facts> {
  const world = new World(scenario.options);
  await scenario.prepare(world);
  const base = (await world.storedSeq()) ?? -1;
  const cache = emptyCache();
  visit(world.storage, world.root, cache, world.clock.now());
  const flight = begin(world.storage, cache);

  const letterOf = async (walk: () => Seen | undefined): Promise<Letter> => {
    try {
      const seen = walk();
      return letter(base, seen === undefined ? 0 : await seqOf(world, seen.timestamp));
    } catch (error) {
      if (scenario.failsClosed === true && isKeyless(error)) return "×";
      throw error;
    }
  };
  const actor = new Actor(world);
  let count = 0;
  actor.fault = (call, at) => {
    if (actor.met !== undefined) return undefined;
    const hit = typeof fault.at === "number" ? at === fault.at : call.name === fault.at.call && ++count === fault.at.nth;
    return hit ? fault.kind : undefined;
  };
  actor.holdFailures();
  actor.start();
  await until(world, async () => actor.met !== undefined || (await isAtRest(world, actor)));
  if (actor.met === undefined) {
    // What it does beside: it renews its lease, and ends it.
    await world.clock.advance(scenario.lastsMs ?? 0);
    void actor.stop();
    await settle();
  }
  assert.ok(actor.met, "no call of the publisher met the fault");
  await world.requireUnbroken();

  const now = world.clock.now();
  const facts = {
    head: letter(base, (await world.inner.publisher()).seq),
    tasks: (await world.openTasks()) === 0 ? ("ended" as const) : ("open" as const),
    fresh: await letterOf(() => visit(world.storage, world.root, emptyCache(), now)),
    returning: await letterOf(() => visit(world.storage, world.root, cache, now)),
    inFlight: await letterOf(() => (flight === undefined ? undefined : finish(world.storage, world.root, flight, now))),
  };
  if (actor.stopped && !actor.dead && !actor.paused) await world.clock.advance(LEASE_MS);
  actor.letFail();
  const timestamp = letter(base, await recovered(world, actor));
  await goesOn(world, actor);
  await scenario.requireDone?.(world);
  return { ...facts, timestamp };
}

/** Whoever is alive makes everything true; the other one, if it stands still, wakes up too late. */
async function recovered(world: World, actor: Actor): Promise<number | undefined> {
  const waits = actor.dead || actor.paused || actor.stopped;
  if (waits) await world.clock.advance(LEASE_MS);
  const successor = waits ? new Actor(world).start() : actor;
  assert.ok(await until(world, () => isSettled(world)), "recovery does not come to its end");
  await world.requireUnbroken();
  const seq = await world.storedSeq();
  if (!actor.paused) {
    await successor.stop();
    return seq;
  }
  // More is published while it stands still.
  await world.accept(world.adds(["meanwhile"]));
  assert.ok(await until(world, () => isSettled(world)));
  const stored = world.stored;
  const { head } = await world.inner.publisher();
  actor.resume();
  await settle();
  await world.clock.advance(500);
  await settle();
  assert.deepEqual(world.stored, stored, "a publisher that lost its lease wrote the timestamp");
  assert.equal((await world.inner.publisher()).head, head, "a publisher that lost its lease moved the head");
  await world.requireUnbroken();
  await successor.stop();
  return seq;
}

/** A fresh publisher takes over and publishes; then all must be as it should. */
async function goesOn(world: World, actor: Actor): Promise<void> {
  await world.accept(world.adds(["after"]));
  await actor.stop();
  const fresh = new Actor(world).start();
  assert.ok(await until(world, () => isSettled(world)), "publishing does not go on");
  await fresh.stop();
  await world.requireWhole();
}

const letter = (base: number, seq: number | undefined): Letter => (seq === 0 ? "–" : seq === base ? "B" : "N");

async function seqOf(world: World, timestamp: Buffer): Promise<number | undefined> {
  return (await world.inner.committed(sha256Hex(timestamp)))?.seq;
}

