// Commits are lost in which people's roles were published: adopting takes what they signed, whole.

import assert from "node:assert/strict";
import { test } from "node:test";
import { filesOfStorage } from "../../src/fsck/files.ts";
import { fsck } from "../../src/fsck/fsck.ts";
import { adoptAndGoOn, adoptByHand, published } from "./lost-history.ts";
import { publishAll } from "./at-rest.ts";
import { SCENARIOS } from "./scenarios.ts";
import { World } from "./world.ts";

test("what people signed in the lost history is kept whole, and nobody has to sign it again", async () => {
  const world = new World();
  await SCENARIOS["signed"]!.prepare(world);
  const before = world.history.length;
  await publishAll(world);
  const { version } = (await world.inner.role("signed"))!;
  world.loseCommits(before);
  assert.notEqual((await world.inner.role("signed"))?.version, version);
  const adopted = await adoptByHand(world);
  assert.ok(adopted?.roles.includes("signed"));
  const kept = await world.inner.envelope("signed");
  assert.deepEqual([kept?.version, kept?.bytes.equals(world.storage.peek(`${String(version)}.signed.json`)!)], [version, true]);
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
      await adoptAndGoOn(world);
      const rows = await Promise.all([...world.model.tasks.keys()].map((id) => world.inner.getTask(id)));
      const signing = rows.filter((row) => row?.kind === "sign_metadata");
      assert.ok(signing.length >= 2);
      for (const row of signing) assert.equal(row?.result?.state, "SUCCESS", `lost from transaction ${String(at)} on: ${String(row?.result?.error)}`);
      await world.requireWhole();
    }
  });
}
