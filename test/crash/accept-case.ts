// A request, instead of a publisher, meets a fault; its caller asks again with the same key.

import assert from "node:assert/strict";
import { DatabaseError } from "../../src/ports/database.ts";
import { failure, faultyDatabase, never } from "../fakes/faults.ts";
import { Actor, type FaultKind } from "./actor.ts";
import type { Facts } from "./case.ts";
import { isSettled, settle, until } from "./at-rest.ts";
import { SCENARIOS } from "./scenarios.ts";
import { World } from "./world.ts";

/** The facts are those in the moment of the fault; no publisher runs until then. */
export async function runAccept(kind: FaultKind): Promise<Facts> {
  const world = new World();
  await SCENARIOS["idle"]!.prepare(world);
  const request = world.adds(["p"]);
  let resume = (): void => {};
  const gate = new Promise<void>((resolve) => { resume = resolve; });
  const door = faultyDatabase(() => ({ ...world.database, accept: (asked) => world.accept(asked) }), {
    before: async (call) => {
      if (kind === "not stored") throw failure(call, false);
      if (kind === "paused before") await gate;
    },
    after: async (call) => {
      if (kind === "failed") throw failure(call, true);
      if (kind === "killed") await never();
      if (kind === "paused after") await gate;
    },
  });
  const answer = door.accept(request).then(() => "accepted", (error: unknown) => (error instanceof DatabaseError ? error.code : String(error)));
  await settle();
  const stored = (await world.inner.getTask(request.task.id)) !== undefined;

  const publisher = new Actor(world).start();
  assert.ok(await until(world, () => isSettled(world)));
  const published = (await world.storedSeq()) === 3;
  resume();
  if (kind === "not stored" || kind === "failed") assert.equal(await answer, "unavailable");
  if (kind.startsWith("paused")) assert.equal(await answer, "accepted");
  // The caller asks again: once is what it comes to.
  assert.equal((await world.accept(request)).outcome, kind === "not stored" ? "accepted" : "replayed");
  assert.ok(await until(world, () => isSettled(world)));
  await publisher.stop();
  await world.requireWhole();
  return { head: "B", timestamp: published ? "N" : "B", tasks: stored ? "open" : "ended", fresh: "B", returning: "B", inFlight: "B" };
}
