// Commits are lost around a change of delegations, at every one of its transactions: adopting neither does it
// again nor forgets half of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { filesOfStorage } from "../../src/fsck/files.ts";
import { fsck } from "../../src/fsck/fsck.ts";
import type { TaskRow } from "../../src/ports/database.ts";
import { CATCH_ALL } from "../../src/roles/catch-all.ts";
import { delegationTreeOf } from "../../src/roles/delegation.ts";
import { parseEnvelope } from "../../src/tuf/parse.ts";
import { adoptAndGoOn, published } from "./lost-history.ts";
import { publishAll } from "./at-rest.ts";
import { SCENARIOS } from "./scenarios.ts";
import { World } from "./world.ts";

for (const [scenario, step] of [["unit", 1], ["resize", 5]] as const) {
  test(`${scenario}: wherever the database fell back to, what was published stays, and the request is answered as what it did`, async () => {
    const { world: whole, before, after } = await published(scenario);
    const { moved_artifacts: _, ...told } = await answerOf(whole);
    for (let at = before; at < after; at += step) {
      const { world } = await published(scenario);
      const place = `lost from transaction ${String(at)} on`;
      world.loseCommits(at);
      await adoptAndGoOn(world);
      const { moved_artifacts: __, ...answer } = await answerOf(world);
      assert.deepEqual(answer, told, place);
      await world.requireWhole();
    }
  });
}

test("a change of delegations that the lost history undid again is not done once more", async () => {
  const world = new World();
  await SCENARIOS["unit"]!.prepare(world);
  const before = world.history.length;
  await publishAll(world);
  await world.accept(world.delegates({ action: "delete", roles: [{ name: "custom" }, { name: "below" }] }));
  await publishAll(world);
  world.loseCommits(before);
  await adoptAndGoOn(world);
  const row = await editOf(world);
  assert.equal(row.result?.state, "FAILURE");
  assert.match(row.result.error ?? "", /^conflict: targets was published again .* and does not say of custom, below what was asked/);
  const targets = parseEnvelope((await world.inner.envelope("targets"))!.bytes, "targets").signed;
  assert.deepEqual(delegationTreeOf(targets).custom.map(({ name }) => name), [CATCH_ALL]);
  const report = await fsck({ files: filesOfStorage(world.storage.copy()), root: world.root, database: world.inner, now: world.clock.now() });
  assert.deepEqual([report.faults, report.notes], [[], []]);
});

/** The first change of delegations. */
async function editOf(world: World): Promise<TaskRow> {
  const rows = await Promise.all([...world.model.tasks.keys()].map((id) => world.inner.getTask(id)));
  const row = rows.find((each) => each?.kind === "metadata_delegation");
  assert.ok(row);
  return row;
}

/** What its request was told. */
async function answerOf(world: World): Promise<Readonly<Record<string, unknown>>> {
  const { result } = await editOf(world);
  return { state: result?.state, error: result?.error, ...result?.details };
}
