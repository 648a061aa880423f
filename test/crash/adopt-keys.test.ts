// Commits are lost around a change of root or of online keys, that was over or stopped anywhere in it: adopting brings it
// to its end, and nothing needs an old key for good.

import assert from "node:assert/strict";
import { test } from "node:test";
import { onlineKeyOf } from "../../src/roles/root-update.ts";
import { parseEnvelope } from "../../src/tuf/parse.ts";
import { adoptAndGoOn } from "./lost-history.ts";
import { dieAfter, publishAll } from "./at-rest.ts";
import { SCENARIOS } from "./scenarios.ts";
import { PEOPLE } from "./holders.ts";
import { World } from "./world.ts";

/** What clients notice of it: a publisher dies after each of these. */
const SHOWN = ["storage.replace timestamp", "storage.create root"] as const;

for (const scenario of ["root", "keys", "lostkey"]) {
  test(`${scenario}: wherever it stopped, and wherever the database fell back to`, async () => {
    for (const call of SHOWN) {
      for (let nth = 1; ; nth++) {
        const died = await changed(scenario, call, nth);
        if (died === undefined) break;
        const { world, before } = died;
        // To before it, or to somewhere in it.
        world.loseCommits(nth % 2 === 1 ? before : before + (5 * nth) % (world.history.length - before));
        await adoptAndGoOn(world);
        await SCENARIOS[scenario]!.requireDone?.(world);
        await world.requireWhole();
      }
    }
  });
}

test("a role of people and the old key asks them again, though the database forgot that the key went", async () => {
  const world = new World(SCENARIOS["keys"]!.options);
  await SCENARIOS["add"]!.prepare(world);
  const [ann] = PEOPLE;
  const { keyid: old } = onlineKeyOf(parseEnvelope(world.root, "root").signed)!;
  world.people = [ann];
  await world.accept(world.delegates({ action: "add", keys: { [ann.keyid]: ann.key }, roles: [{ name: "mixed", terminating: true, keyids: [old, ann.keyid], threshold: 2, paths: ["m/*"] }] }));
  await publishAll(world);
  const before = world.history.length;
  // Nobody has signed yet when the database is lost.
  world.people = [];
  await world.accept(world.updatesRoot(world.nextRoot({ online: world.nextKey() })));
  await publishAll(world);
  world.loseCommits(before);
  world.people = [ann];
  await adoptAndGoOn(world);
  const mixed = parseEnvelope((await world.inner.envelope("targets"))!.bytes, "targets").signed.delegations?.roles?.find(({ name }) => name === "mixed");
  assert.deepEqual([mixed?.keyids.includes(old), mixed?.keyids.includes(ann.keyid)], [false, true]);
  await world.requireWhole();
});

/** The scenario's change, by a publisher that dies after its `nth` call of `call`; undefined when there is none. */
async function changed(scenario: string, call: string, nth: number): Promise<{ readonly world: World; readonly before: number } | undefined> {
  const world = new World(SCENARIOS[scenario]!.options);
  await SCENARIOS[scenario]!.prepare(world);
  const before = world.history.length;
  return (await dieAfter(world, call, nth).then(() => true, () => false)) ? { world, before } : undefined;
}
