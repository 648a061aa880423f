// A database that lost commits clients saw (row 41), and a fault that meets whoever adopts them (row 40).
//
// O is the state the database fell back to, B what clients see. The one who comes next is a
// publisher: it must halt exactly when nothing was adopted yet, and go on by itself when it was.

import assert from "node:assert/strict";
import { adopt } from "../../src/publisher/adopt.ts";
import type { PublisherDeps } from "../../src/publisher/deps.ts";
import { LeaseHold } from "../../src/publisher/lease-hold.ts";
import { sha256Hex } from "../../src/tuf/crypto.ts";
import { Actor, type FaultKind } from "./actor.ts";
import type { Facts, Fault } from "./case.ts";
import { begin, emptyCache, finish, visit, type Cache, type InFlight, type Seen } from "./clients.ts";
import { isSettled, publishAll, settle, until } from "./at-rest.ts";
import { World } from "./world.ts";

const LEASE_MS = 15_001;
/** So slow that an adoption lasts longer than a third of its lease. */
const READ_MS = 1_000;

/** Once per read: long enough for an adoption to end. */
const LOOKS = 10;

/** What clients know when the fault comes. */
interface Watch {
  readonly stored: Buffer;
  readonly cache: Cache;
  readonly flight: InFlight | undefined;
}

/** As `rstuf admin recover --adopt` does it, from storage that takes its time. */
async function adoptOnce(deps: PublisherDeps): Promise<void> {
  const { database, clock, policy } = deps;
  const storage = { ...deps.storage, read: async (name: string, maxBytes: number) => {
    await clock.sleep(READ_MS);
    return deps.storage.read(name, maxBytes);
  } };
  const hold = await LeaseHold.take(database, clock, policy.leaseMs, deps.random.hex(16));
  assert.ok(hold, "somebody leads");
  const over = new AbortController();
  const kept = hold.keep(over.signal, () => undefined);
  try {
    await adopt({ ...deps, storage }, hold);
  } finally {
    over.abort();
    await kept;
    await database.releaseLease(hold.lease).catch(() => undefined);
  }
}

/** Two heads that clients saw are lost, the first in the middle of its batch. */
async function published(world: World): Promise<void> {
  await world.accept(world.bootstrap(2));
  await publishAll(world);
  await world.accept(world.adds(["before"]));
  await publishAll(world);
  await world.accept(world.adds(["p"]));
  await publishAll(world);
  await world.accept(world.adds(["r"]));
}

/** What is pending afterwards: p, answered by what is stored; r, set aside; t, of a bin that is not newer there. */
async function lose(world: World): Promise<void> {
  for (let heads = 0; heads < 2; heads++) world.loseCommits(world.history.lastOf("commit"));
  await world.accept(world.removes(["r"]));
  await world.accept(world.adds(["t"]));
}

function watch(world: World): Watch {
  const cache = emptyCache();
  visit(world.storage, world.root, cache, world.clock.now());
  return { stored: world.stored!, cache, flight: begin(world.storage, cache) };
}

async function prepared(): Promise<World> {
  const world = new World();
  await published(world);
  await publishAll(world);
  await lose(world);
  await world.clock.advance(LEASE_MS);
  return world;
}

/** Row 40: the adoption meets the fault. */
export async function runAdopt(fault: Fault): Promise<Facts> {
  const world = await prepared();
  const known = watch(world);
  const actor = new Actor(world, {}, adoptOnce);
  let count = 0;
  actor.fault = (call, at) => {
    if (actor.met !== undefined) return undefined;
    const hit = typeof fault.at === "number" ? at === fault.at : call.name === fault.at.call && ++count === fault.at.nth;
    return hit ? fault.kind : undefined;
  };
  actor.holdFailures();
  actor.start();
  await until(world, () => actor.met !== undefined || actor.ended, READ_MS);
  assert.ok(actor.met, "no call of the adoption met the fault");
  await settle();
  const facts = await factsOf(world, known);
  actor.letFail();
  if (!actor.dead && !actor.paused) assert.ok(await until(world, () => actor.ended || actor.dead, READ_MS), "the adoption does not end");
  return { ...facts, timestamp: await recovered(world, actor, known) };
}

/** Row 41: commits are lost while a publisher that knew of them is dead, or stands still. */
export async function runLost(kind: FaultKind): Promise<Facts> {
  const world = new World();
  await published(world);
  const actor = new Actor(world).start();
  assert.ok(await until(world, () => isSettled(world)));
  const known = watch(world);
  if (kind === "killed") actor.kill();
  else actor.pause();
  await lose(world);
  return { ...(await factsOf(world, known)), timestamp: await recovered(world, actor, known) };
}

/** The calls of an adoption without a fault. */
export async function traceAdopt(): Promise<readonly string[]> {
  const world = await prepared();
  const { stored } = world;
  const actor = new Actor(world, {}, adoptOnce).start();
  assert.ok(await until(world, () => actor.ended, READ_MS));
  assert.equal(actor.failed, undefined);
  assert.deepEqual(world.stored, stored, "adoption only reads storage");
  await goesOn(world);
  return actor.calls;
}

async function factsOf(world: World, known: Watch): Promise<Facts> {
  await world.requireUnbroken();
  const now = world.clock.now();
  const letterOf = (seen: Seen | undefined): "B" | "N" => (seen?.timestamp.equals(known.stored) === true ? "B" : "N");
  const { head } = await world.inner.publisher();
  const knows = await world.inner.committed(sha256Hex(known.stored));
  return {
    head: head === sha256Hex(known.stored) ? "B" : knows === undefined ? "O" : "N",
    timestamp: letterOf(visit(world.storage, world.root, emptyCache(), now)),
    tasks: (await world.openTasks()) === 0 ? "ended" : "open",
    fresh: letterOf(visit(world.storage, world.root, emptyCache(), now)),
    returning: letterOf(visit(world.storage, world.root, known.cache, now)),
    inFlight: letterOf(known.flight === undefined ? undefined : finish(world.storage, world.root, known.flight, now)),
  };
}

/** A publisher takes over; where it halts, a fresh adoption and another publisher. Then the paused one wakes up. */
async function recovered(world: World, actor: Actor, known: Watch): Promise<Facts["timestamp"]> {
  await world.clock.advance(LEASE_MS);
  const isAdopted = (await world.inner.committed(sha256Hex(known.stored))) !== undefined;
  const names = world.storage.names();
  const publisher = new Actor(world).start();
  assert.ok(await until(world, async () => (await world.inner.publisher()).halted !== undefined || isSettled(world)), "a publisher neither halts nor goes on");
  await publisher.stop();
  assert.equal((await world.inner.publisher()).halted?.code, isAdopted ? undefined : "diverged");
  if (!isAdopted) {
    assert.deepEqual([world.storage.names(), world.stored], [names, known.stored], "a publisher that halted wrote");
    const again = new Actor(world, {}, adoptOnce).start();
    assert.ok(await until(world, () => again.ended, READ_MS));
    assert.equal(again.failed, undefined);
    await publishAll(world);
  }
  const letter = world.stored?.equals(known.stored) === true ? "B" : "N";
  if (actor.paused) {
    await world.accept(world.adds(["meanwhile"]));
    const successor = new Actor(world).start();
    assert.ok(await until(world, () => isSettled(world)));
    const { stored } = world;
    const { head } = await world.inner.publisher();
    actor.resume();
    let looks = 0;
    await until(world, () => actor.ended || ++looks > LOOKS, READ_MS);
    assert.deepEqual(world.stored, stored, "one that lost its lease wrote the timestamp");
    assert.equal((await world.inner.publisher()).head, head, "one that lost its lease moved the head");
    await successor.stop();
  }
  await actor.stop();
  await goesOn(world);
  return letter;
}

/** More is published, also on what was lost; then all must be as it should. */
async function goesOn(world: World): Promise<void> {
  await world.clock.advance(LEASE_MS);
  await world.accept(world.adds(["p", "after"]));
  await publishAll(world);
  await world.requireWhole();
  assert.equal(world.model.setAside, 1, "r was shown by the lost history: an older request does not take it away");
}
