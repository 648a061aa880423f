// What simulations and the crash table found, each as a test of its own.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Actor } from "./actor.ts";
import { isSettled, publishAll, until } from "./scenarios.ts";
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
