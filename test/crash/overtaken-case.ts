// A commit that arrives after another publisher took the lease, and before that one did anything with it (rules 2, 33).
//
// Nothing but the fence can refuse it: the batch is still open, and the head has not moved. A moment later the successor has
// dropped the batch, and what the crash table tries (`paused before`) would be refused without a fence, too.

import assert from "node:assert/strict";
import { Actor } from "./actor.ts";
import { isSettled, settle, until } from "./at-rest.ts";
import { SCENARIOS } from "./scenarios.ts";
import { World } from "./world.ts";

const LEASE_MS = 15_001;

/** @throws AssertionError when it moved the head */
export async function overtakenCommit(): Promise<void> {
  const world = new World();
  await SCENARIOS["add"]!.prepare(world);
  const [late, successor] = [new Actor(world), new Actor(world)];
  late.fault = ({ name }) => (name === "database.commit" && late.met === undefined ? "paused before" : undefined);
  late.start();
  assert.ok(await until(world, () => late.paused), "nothing is committed");
  const [{ head }, [open]] = [await world.inner.publisher(), await world.inner.openBatches()];
  await world.clock.advance(LEASE_MS);
  successor.fault = ({ name }) => (name === "database.takeLease" && successor.met === undefined ? "paused after" : undefined);
  successor.start();
  assert.ok(await until(world, () => successor.paused), "nobody takes over");
  assert.deepEqual((await world.inner.openBatches()).map(({ id }) => id), [open?.id], "its batch is open, as it left it");

  late.resume();
  await settle();
  await world.clock.advance(500);
  await settle();
  assert.equal((await world.inner.publisher()).head, head, "a publisher that lost its lease moved the head");
  await world.requireUnbroken();

  successor.resume();
  assert.ok(await until(world, () => isSettled(world)), "publishing does not go on");
  await Promise.all([late.stop(), successor.stop()]);
  await world.requireWhole();
}
