// Commits are lost around a document that a team signed elsewhere, at transactions of it: adopting takes over what
// was published, answers the upload, and the team goes on uploading.

import assert from "node:assert/strict";
import { test } from "node:test";
import { OUTSIDE, outsideIn } from "../../src/roles/outside-roles.ts";
import { adoptAndGoOn, published } from "./lost-history.ts";
import { publishAll } from "./at-rest.ts";
import { PEOPLE } from "./holders.ts";

/** Of all its transactions every so many are tried. */
const STEP = 4;

for (const [scenario, since] of [["outside", "delegate"], ["outsidenext", "document"]] as const) {
  test(`${scenario}: wherever the database fell back to, the role stays its team's`, async () => {
    const { world: whole, after: to } = await published(scenario);
    const from = whole.history.lastAccepted(since) + 1;
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
