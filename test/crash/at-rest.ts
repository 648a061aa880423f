// When a world is at rest, and how publishers bring it there.

import { Actor } from "./actor.ts";
import { ROTATION } from "../../src/publisher/rotation.ts";
import { rest } from "./history.ts";
import type { World } from "./world.ts";

export const settle = rest;

/** So long a publisher tries at most, at a stretch, milliseconds of its clock. */
const PATIENCE_MS = 180_000;

/** Lets time pass until `done`, at most three minutes of it. Answers whether it came to that. */
export async function until(world: World, done: () => boolean | Promise<boolean>, stepMs = 250): Promise<boolean> {
  for (let passed = 0; passed <= PATIENCE_MS; passed += stepMs) {
    await settle();
    if (await done()) return true;
    await world.clock.advance(stepMs);
  }
  return false;
}

/** Nothing accepted waits, no keys are changing, and what is committed is visible. People sign what waits for them. */
export async function isSettled(world: World): Promise<boolean> {
  if (await world.signAll()) return false;
  const { seq, visible } = await world.inner.publisher();
  return seq === visible && (await world.openTasks()) === 0 && (await world.inner.openBatches()).length === 0 && ((await world.inner.setting(ROTATION)) ?? null) === null;
}

/** A publisher does what there is to do, and ends. */
export async function publishAll(world: World): Promise<void> {
  const actor = new Actor(world).start();
  if (!(await until(world, () => isSettled(world)))) throw new Error("a publisher without faults does not come to rest");
  await actor.stop();
}

/** A publisher works until something waits for people, and ends. */
export async function untilAsked(world: World): Promise<void> {
  const actor = new Actor(world).start();
  if (!(await until(world, async () => (await world.inner.signingEvents()).some(({ state }) => state === "open")))) throw new Error("nothing comes to wait for people");
  await actor.stop();
}

/** A publisher that dies after the `nth` call of that name. */
export async function dieAfter(world: World, name: string, nth = 1): Promise<void> {
  const actor = new Actor(world);
  let count = 0;
  actor.fault = (call) => (call.name === name && ++count === nth ? "killed" : undefined);
  actor.start();
  if (!(await until(world, () => actor.dead))) throw new Error(`no publisher called ${name}`);
  await world.clock.advance(15_001);
}

/** The publisher leads, turned at least once, and has nothing more to do. */
export async function isAtRest(world: World, actor: Actor): Promise<boolean> {
  return actor.calls.includes("database.openChanges") && (await isSettled(world));
}
