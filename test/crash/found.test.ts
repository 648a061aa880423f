// What simulations and the crash table found, each as a test of its own.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Actor } from "./actor.ts";
import { dieAfter, isSettled, publishAll, until } from "./at-rest.ts";
import { World } from "./world.ts";

test("removals that find nothing, too many for one batch, come to their end", async () => {
  const world = new World({ policy: { maxBatchChanges: 1 } });
  await world.accept(world.bootstrap(2));
  await publishAll(world);
  await world.accept(world.removes(["never", "nowhere"]));
  let calls = 0;
  const actor = new Actor(world);
  actor.fault = () => (++calls > 500 ? "killed" : undefined);
  actor.start();
  assert.ok(await until(world, async () => actor.dead || (await isSettled(world))));
  assert.ok(!actor.dead, "the publisher turns without end");
  await actor.stop();
  await world.requireWhole();
});

test("a newer change of a path never overtakes an older one whose batches died", async () => {
  const world = await repository();
  await world.accept(world.adds(["p"]));
  for (let death = 0; death < 2; death++) await dieAfter(world, "storage.create role");
  await world.accept(world.adds(["p"]));
  // Its turn to be tried again fails, so that it is the others' turn.
  const actor = new Actor(world);
  actor.fault = (call) => (actor.met === undefined && call.name === "signer.sign targets" ? "not stored" : undefined);
  actor.start();
  assert.ok(await until(world, () => isSettled(world)));
  await actor.stop();
  await world.requireWhole();
});

test("what a publisher reported in its last moment is taken back by the next", async () => {
  const world = await repository();
  await world.accept(world.adds(["p"]));
  const [first, second] = [new Actor(world), new Actor(world)];
  first.fault = (call) => (call.name === "signer.sign targets" ? "paused before" : call.name === "database.halt" ? "killed" : undefined);
  first.start();
  assert.ok(await until(world, () => first.paused));
  second.fault = (call) => (call.name === "database.publisher" ? "paused after" : undefined);
  second.start();
  assert.ok(await until(world, () => second.paused));
  first.fault = (call) => (call.name === "signer.sign targets" || call.name === "storage.create role" ? "not stored" : call.name === "database.halt" ? "killed" : undefined);
  first.resume();
  assert.ok(await until(world, () => first.dead));
  assert.equal((await world.inner.publisher()).halted?.code, "unavailable");
  await world.clock.advance(15_001);
  second.fault = () => undefined;
  second.resume();
  assert.ok(await until(world, () => isSettled(world)));
  await second.stop();
  await world.requireWhole();
});

test("no repository is begun by a clock that is wrong", async () => {
  const world = new World();
  await world.accept(world.bootstrap(2));
  const actor = new Actor(world);
  actor.skewMs = 86_400_000;
  actor.start();
  assert.ok(await until(world, async () => world.stored !== undefined || (await world.inner.publisher()).halted !== undefined));
  assert.equal((await world.inner.publisher()).halted?.code, "clock");
  actor.skewMs = 0;
  assert.ok(await until(world, () => isSettled(world)));
  await actor.stop();
  await world.requireWhole();
});

async function repository(): Promise<World> {
  const world = new World();
  await world.accept(world.bootstrap(2));
  await publishAll(world);
  return world;
}
