// A change of delegations was committed and never shown; then storage, which goes on by another history, is damaged too.
// What no client saw counts for nothing: the change is pending again, and is carried out on what was shown last.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PublisherError } from "../../src/publisher/errors.ts";
import type { Timestamp } from "../../src/tuf/documents.ts";
import { parseEnvelope } from "../../src/tuf/parse.ts";
import { adoptByHand } from "./lost-history.ts";
import { dieAfter, publishAll } from "./at-rest.ts";
import { BOTH_BINS } from "./scenario.ts";
import { World } from "./world.ts";

interface Unseen {
  readonly world: World;
  readonly edit: string;
  /** The snapshot and the targets that the stored timestamp leads to, and the targets this database showed last. */
  readonly snapshot: string;
  readonly targets: string;
  readonly shown: string;
}

const role = (name: string, path: string, parent?: string) => ({ name, terminating: true, keyids: [], threshold: 1, paths: [path], ...(parent === undefined ? {} : { parent }) });
const snapshotOf = (timestamp: Timestamp): string => `${String(timestamp.meta["snapshot.json"].version)}.snapshot.json`;

/** A role is there, and seen. Here two more are committed, one below it; the other history publishes new versions of every role. */
async function unseen(): Promise<Unseen> {
  const world = new World();
  await world.accept(world.bootstrap(2));
  await publishAll(world);
  await world.accept(world.adds(BOTH_BINS));
  await publishAll(world);
  await world.accept(world.delegates({ action: "add", keys: {}, roles: [role("custom", "?")] }));
  await publishAll(world);
  const seen = world.stored;
  const shown = `${String((await world.inner.role("targets"))!.version)}.targets.json`;

  const at = world.history.length;
  await world.accept(world.refresh(["bins", "targets"]));
  await publishAll(world);
  const lost = world.stored!;
  // What is damaged in the end nobody who is in flight gets.
  world.watch.finishFlight();
  world.watch.forgetFlight();
  const targets = `${String((await world.inner.role("targets"))!.version)}.targets.json`;
  world.loseCommits(at);
  world.storage.tamper("timestamp.json", seen);
  const request = world.delegates({ action: "add", keys: {}, roles: [role("later", "before*"), role("below", "b", "custom")] });
  await world.accept(request);
  await dieAfter(world, "database.commit");
  world.storage.tamper("timestamp.json", lost);
  return { world, edit: request.task.id, snapshot: snapshotOf(parseEnvelope(lost, "timestamp").signed), targets, shown };
}

const damages: Readonly<Record<string, (unseen: Unseen) => void>> = {
  "the stored snapshot is damaged": ({ world, snapshot }) => { world.storage.tamper(snapshot, Buffer.from("{}")); },
  "the stored snapshot is missing": ({ world, snapshot }) => { world.storage.tamper(snapshot, undefined); },
  "the stored targets is damaged": ({ world, targets }) => { world.storage.tamper(targets, Buffer.from("{}")); },
};

for (const [name, damage] of Object.entries(damages)) {
  test(`${name}: the change is carried out once more, and whole`, async () => {
    const all = await unseen();
    const { world, edit } = all;
    damage(all);
    await adoptByHand(world);
    await publishAll(world);
    assert.equal((await world.inner.getTask(edit))?.result?.state, "SUCCESS", (await world.inner.getTask(edit))?.result?.error);
    await world.accept(world.adds(["after"]));
    await publishAll(world);
    await world.requireWhole();
  });
}

test("what was shown last is gone as well: nothing is guessed, and the error says which file to bring back", async () => {
  const { world, snapshot, shown } = await unseen();
  const file = world.storage.peek(shown)!;
  for (const name of [snapshot, shown]) world.storage.tamper(name, undefined);
  await assert.rejects(adoptByHand(world), (error) => error instanceof PublisherError && error.code === "diverged" && error.message.includes(shown));
  world.storage.tamper(shown, file);
  await adoptByHand(world);
  await publishAll(world);
  await world.requireWhole();
});
