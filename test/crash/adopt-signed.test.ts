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
