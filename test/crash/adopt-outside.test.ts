// Commits are lost around a document that a team signed elsewhere, at transactions of it: adopting takes over what
// was published, answers the upload, and the team goes on uploading.

import assert from "node:assert/strict";
import { test } from "node:test";
import { adopt } from "../../src/publisher/adopt.ts";
import { LeaseHold } from "../../src/publisher/lease-hold.ts";
import { OUTSIDE, outsideIn } from "../../src/roles/outside-roles.ts";
import { publishAll, SCENARIOS } from "./scenarios.ts";
import { PEOPLE, World } from "./world.ts";

/** Of all its transactions every so many are tried. */
const STEP = 4;

for (const [scenario, since] of [["outside", "delegate"], ["outsidenext", "document"]] as const) {
  test(`${scenario}: wherever the database fell back to, the role stays its team's`, async () => {
    const { world: whole, to } = await published(scenario);
    const from = whole.lastAccepted(since) + 1;
    for (let at = from; at < to; at += STEP) {
      const { world } = await published(scenario);
      const place = `lost from transaction ${String(at)} of ${String(from)} to ${String(to)} on`;
      world.loseCommits(at);
      await adoptAndGoOn(world);
      const { roles, declared } = outsideIn(await world.inner.setting(OUTSIDE));
      assert.deepEqual([[...roles], declared], [["team"], []], place);
      await world.uploads("team", PEOPLE[0], 3_000, ["t/all", "t/new"]);
      await publishAll(world);
      await world.requireWhole();
      for (const id of world.model.tasks.keys()) {
        const row = await world.inner.getTask(id);
        assert.equal(row?.result?.state, "SUCCESS", `${place}: ${String(row?.kind)}: ${String(row?.result?.error)}`);
      }
    }
  });
}

async function adoptAndGoOn(world: World): Promise<void> {
  await world.clock.advance(15_001);
  const hold = await LeaseHold.take(world.database, world.clock, 15_000, "by hand");
  assert.ok(hold);
  await adopt(world.deps(), hold);
  await world.database.releaseLease(hold.lease);
  await world.accept(world.adds(["after"]));
  await publishAll(world);
}

/** A repository in which the document was published, and something after it. */
async function published(scenario: string): Promise<{ readonly world: World; readonly to: number }> {
  const world = new World();
  await SCENARIOS[scenario]!.prepare(world);
  await publishAll(world);
  const to = world.historyLength;
  await world.accept(world.adds(["later"]));
  await publishAll(world);
  return { world, to };
}
