// What tests of lost commits share: a history to lose some of, and somebody who adopts what storage holds instead.

import assert from "node:assert/strict";
import { adopt } from "../../src/publisher/adopt.ts";
import { LeaseHold } from "../../src/publisher/lease-hold.ts";
import { publishAll } from "./at-rest.ts";
import { SCENARIOS } from "./scenarios.ts";
import { World } from "./world.ts";

const LEASE_MS = 15_000;

/** A repository in which the scenario's request was published, by the transactions from `before` to `after`, and something after it. */
export async function published(scenario: string): Promise<{ readonly world: World; readonly before: number; readonly after: number }> {
  const world = new World();
  await SCENARIOS[scenario]!.prepare(world);
  const before = world.history.length;
  await publishAll(world);
  const after = world.history.length;
  await world.accept(world.adds(["later"]));
  await publishAll(world);
  return { world, before, after };
}

/** Somebody adopts what storage holds, as `rstuf admin recover --adopt` does, once nobody leads any more. */
export async function adoptByHand(world: World): ReturnType<typeof adopt> {
  await world.clock.advance(LEASE_MS + 1);
  const hold = await LeaseHold.take(world.database, world.clock, LEASE_MS, "by hand");
  assert.ok(hold, "somebody leads");
  try {
    return await adopt(world.deps(), hold);
  } finally {
    await world.database.releaseLease(hold.lease);
  }
}

export async function adoptAndGoOn(world: World): Promise<void> {
  await adoptByHand(world);
  await world.accept(world.adds(["after"]));
  await publishAll(world);
}
