// Commits are lost in which people's roles were published: adopting takes what they signed, whole.

import assert from "node:assert/strict";
import { test } from "node:test";
import { filesOfStorage } from "../../src/fsck/files.ts";
import { fsck } from "../../src/fsck/fsck.ts";
import { adopt } from "../../src/publisher/adopt.ts";
import { LeaseHold } from "../../src/publisher/lease-hold.ts";
import { publishAll, SCENARIOS } from "./scenarios.ts";
import { World } from "./world.ts";

test("what people signed in the lost history is kept whole, and nobody has to sign it again", async () => {
  const world = new World();
  await SCENARIOS["signed"]!.prepare(world);
  const before = world.historyLength;
  await publishAll(world);
  const { version } = (await world.inner.role("signed"))!;
  world.loseCommits(before);
  assert.notEqual((await world.inner.role("signed"))?.version, version);
  await world.clock.advance(15_001);
  const hold = await LeaseHold.take(world.database, world.clock, 15_000, "by hand");
  assert.ok(hold);
  const adopted = await adopt(world.deps(), hold);
  assert.ok(adopted?.roles.includes("signed"));
  const kept = await world.inner.envelope("signed");
  assert.deepEqual([kept?.version, kept?.bytes.equals(world.storage.peek(`${String(version)}.signed.json`)!)], [version, true]);
  await world.database.releaseLease(hold.lease);
  await world.accept(world.adds(["after"]));
  await publishAll(world);
  // The old event is over: what it carried is published, or signed anew.
  assert.deepEqual(await world.inner.signingEvents(), []);
  const report = await fsck({ files: filesOfStorage(world.storage.copy()), root: world.root, database: world.inner, now: world.clock.now() });
  assert.deepEqual([report.faults, report.notes], [[], []]);
});

for (const scenario of ["signed", "signedunit"]) {
  test(`${scenario}: who signed what the lost history published is told so, wherever the database fell back to`, async () => {
    const { before, after } = await published(scenario);
    for (let at = before; at < after; at += 5) {
      const { world } = await published(scenario);
      world.loseCommits(at);
      await world.clock.advance(15_001);
      const hold = await LeaseHold.take(world.database, world.clock, 15_000, "by hand");
      assert.ok(hold);
      await adopt(world.deps(), hold);
      await world.database.releaseLease(hold.lease);
      await world.accept(world.adds(["after"]));
      await publishAll(world);
      const rows = await Promise.all([...world.model.tasks.keys()].map((id) => world.inner.getTask(id)));
      const signing = rows.filter((row) => row?.kind === "sign_metadata");
      assert.ok(signing.length >= 2);
      for (const row of signing) assert.equal(row?.result?.state, "SUCCESS", `lost from transaction ${String(at)} on: ${String(row?.result?.error)}`);
      await world.requireWhole();
    }
  });
}

/** What people signed is published, and something after it. */
async function published(scenario: string): Promise<{ readonly world: World; readonly before: number; readonly after: number }> {
  const world = new World();
  await SCENARIOS[scenario]!.prepare(world);
  const before = world.historyLength;
  await publishAll(world);
  const after = world.historyLength;
  await world.accept(world.adds(["later"]));
  await publishAll(world);
  return { world, before, after };
}
