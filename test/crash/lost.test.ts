// A database that loses its last commits: restored from a backup, or a replica that lagged (rule 17).

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseEnvelope } from "../../src/tuf/parse.ts";
import { Actor } from "./actor.ts";
import { adoptByHand } from "./lost-history.ts";
import { dieAfter, isSettled, publishAll, settle, until } from "./at-rest.ts";
import { World } from "./world.ts";

async function repository(): Promise<World> {
  const world = new World();
  await world.accept(world.bootstrap(2));
  await publishAll(world);
  await world.accept(world.adds(["before"]));
  await publishAll(world);
  return world;
}

/** The database forgets the last `heads` commits, and what was done since. */
function lose(world: World, heads: number): void {
  for (let lost = 0; lost < heads; lost++) world.loseCommits(world.history.lastOf("commit"));
}

/** A publisher works for a minute; answers what it reported. */
async function minute(world: World): Promise<string | undefined> {
  await world.clock.advance(15_001);
  const actor = new Actor(world).start();
  await settle();
  await world.clock.advance(60_000);
  const { halted } = await world.inner.publisher();
  await actor.stop();
  return halted?.code;
}

describe("commits that clients saw are lost", () => {
  for (const heads of [1, 2, 3]) {
    test(`${String(heads)}: nothing is written until they are adopted, and nothing visible vanishes`, async () => {
      const world = await repository();
      for (const paths of [["p", "q"], ["r"], ["before", "s"]]) {
        await world.accept(world.adds(paths));
        await publishAll(world);
      }
      lose(world, heads);
      const [stored, names] = [world.stored, world.storage.names()];
      await world.accept(world.adds(["new"]));
      assert.equal(await minute(world), "diverged");
      assert.deepEqual(world.stored, stored);
      assert.deepEqual(world.storage.names(), names);
      assert.ok(await adoptByHand(world));
      await publishAll(world);
      await world.accept(world.adds(["p", "after"]));
      await publishAll(world);
      await world.requireWhole();
    });
  }

  test("a removal among them stays one, whatever the database still wants to add", async () => {
    const world = await repository();
    await world.accept(world.adds(["p"]));
    const pending = world.history.length;
    await publishAll(world);
    await world.accept(world.removes(["p"]));
    await publishAll(world);
    world.loseCommits(pending);
    assert.equal(await minute(world), "diverged");
    const answer = await adoptByHand(world);
    assert.deepEqual(answer?.conflicts.map(({ path }) => path), ["p"]);
    await publishAll(world);
    await world.requireWhole();
    assert.equal(world.model.setAside, 1);
  });

  test("a publisher that still leads in the lost history does not go on in the other", async () => {
    const world = await repository();
    await world.accept(world.adds(["p"]));
    const actor = new Actor(world).start();
    assert.ok(await until(world, () => isSettled(world)));
    await world.accept(world.adds(["q"]));
    assert.ok(await until(world, () => isSettled(world)));
    const stored = world.stored;
    world.loseCommits(world.history.lastOf("commit"));
    await world.accept(world.adds(["r"]));
    await settle();
    await world.clock.advance(30_000);
    assert.equal((await world.inner.publisher()).halted?.code, "diverged");
    assert.deepEqual(world.stored, stored);
    await actor.stop();
    assert.ok(await adoptByHand(world));
    await publishAll(world);
    await world.requireWhole();
  });
});

describe("commits that no client saw are lost", () => {
  test("their names are given up, and publishing goes on by itself", async () => {
    const world = await repository();
    await world.accept(world.adds(["p"]));
    await dieAfter(world, "database.commit");
    world.loseCommits(world.history.lastOf("cut"));
    // Time passes, so that what is pressed now differs from what was.
    await world.clock.advance(15_001);
    await publishAll(world);
    await world.requireWhole();
    assert.ok(world.telemetry.named("names were taken by other bytes").length > 0);
  });

  test("a timestamp of theirs that lands late is found, and adopted", async () => {
    const world = await repository();
    await world.accept(world.adds(["p"]));
    const actor = new Actor(world);
    actor.fault = (call) => (call.name === "storage.replace timestamp" ? "late" : undefined);
    actor.start();
    assert.ok(await until(world, () => actor.paused));
    world.loseCommits(world.history.lastOf("commit"));
    actor.resume();
    await settle();
    await actor.stop();
    assert.equal(await minute(world), "diverged");
    assert.ok(await adoptByHand(world));
    await publishAll(world);
    await world.requireWhole();
  });
});

test("the folding of a head is lost, and nobody is told: what is removed next is removed, not overlooked", async () => {
  const world = await repository();
  const actor = new Actor(world).start();
  await world.accept(world.adds(["p"]));
  assert.ok(await until(world, () => isSettled(world)));
  world.loseCommits(world.history.lastOf("markVisible") + 1);
  await world.accept(world.removes(["p"]));
  assert.ok(await until(world, () => isSettled(world)));
  await actor.stop();
  await world.requireWhole();
});

describe("a root without new keys is lost, and its publisher leads on", () => {
  for (const [what, back] of [["that it was published", "endEvent"], ["that it was asked for", "accept"]] as const) {
    test(`${what}: clients keep it, another one of its number is never signed, and publishing goes on`, async () => {
      const world = await repository();
      const actor = new Actor(world).start();
      world.poll();
      await world.accept(world.updatesRoot(world.nextRoot({ threshold: 2 })));
      assert.ok(await until(world, () => isSettled(world)));
      world.loseCommits(world.history.lastOf(back));
      if (back === "accept") {
        const other = world.updatesRoot(world.nextRoot({ threshold: 1 }));
        // It is refused.
        world.model.signsRoot(other.task.id);
        await world.accept(other);
      }
      await world.accept(world.adds(["p"]));
      assert.ok(await until(world, () => isSettled(world)));
      await actor.stop();
      await world.clock.advance(15_001);
      await world.accept(world.adds(["q"]));
      await publishAll(world);
      const root = await world.inner.envelope("root");
      assert.equal(root?.version, 2);
      assert.equal(parseEnvelope(root.bytes, "root").signed.roles.root.threshold, 2);
      assert.deepEqual(await world.inner.signingEvents(), []);
      await world.requireWhole();
    });
  }
});
