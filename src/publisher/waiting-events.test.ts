import assert from "node:assert/strict";
import { test } from "node:test";
import { createRotationStage } from "../../test/fakes/rotation-stage.ts";
import { createHolder, signedBy } from "../../test/fakes/root-holders.ts";
import { changeDelegations } from "../operations/change-delegations.ts";
import { WaitingEvents } from "./waiting-events.ts";

test("documents that wait are read when one of them changed, not every turn", async (context) => {
  const stage = createRotationStage({ people: 3, threshold: 2 });
  await stage.bootstrap(2);
  const root = stage.plan(2);
  await stage.update(signedBy(root, stage.holders[0]!));
  // Once more for what the publisher itself did last.
  for (let turn = 0; turn < 2; turn++) await stage.settle();
  const { mock } = context.mock.method(stage.database, "signingEvents");
  for (let turn = 0; turn < 3; turn++) await stage.settle();
  assert.equal(mock.callCount(), 0);
  const signed = await stage.sign(stage.holders[1]!.sign(root));
  await stage.settle();
  assert.equal((await stage.ended(signed)).details?.["update"], "Metadata update finished");
  assert.equal((await stage.database.envelope("root"))?.version, 2);
});

test("a bootstrap that waits for signatures reads them no more often", async (context) => {
  const stage = createRotationStage({ people: 2, threshold: 2, firstSigners: 1 });
  const task = await stage.bootstrap(2);
  for (let turn = 0; turn < 2; turn++) await stage.settle();
  const { mock } = context.mock.method(stage.database, "signingEvents");
  for (let turn = 0; turn < 3; turn++) await stage.settle();
  assert.equal(mock.callCount(), 0);
  await stage.sign(stage.holders[1]!.sign(stage.plan(1)));
  await stage.settle();
  assert.equal((await stage.database.setting("bootstrap")), task);
});

test("nor does a request, to find what waits for whom", async (context) => {
  const stage = createRotationStage();
  await stage.bootstrap(2);
  const holder = createHolder();
  const { owners } = stage.operations;
  const role = { name: "signed", terminating: true, keyids: [holder.keyid], threshold: 1, paths: ["s/*"], "x-rstuf-expire-policy": 60, parent: null };
  assert.equal((await owners.pending())("s/a"), undefined);
  await changeDelegations(stage.operations, { action: "add", keys: { [holder.keyid]: holder.key }, bins: null, roles: [role] } as never);
  await stage.settle();
  const { mock } = context.mock.method(stage.database, "signingEvents");
  for (let request = 0; request < 3; request++) assert.equal((await owners.pending())("s/a"), "signed");
  assert.equal(mock.callCount(), 1);
});

test("what changes between the stamp and the documents is looked at once more", async () => {
  const stage = createRotationStage({ people: 3, threshold: 3 });
  await stage.bootstrap(2);
  const root = stage.plan(2);
  const { database } = stage;
  const waiting = new WaitingEvents({
    signingStamp: async () => {
      const stamp = await database.signingStamp();
      await between();
      return stamp;
    },
    signingEvents: () => database.signingEvents(),
  });
  let between = (): Promise<unknown> => stage.update(signedBy(root, stage.holders[0]!));
  assert.deepEqual(await waiting.all(), []);
  between = () => stage.sign(stage.holders[1]!.sign(root));
  await waiting.all();
  between = () => Promise.resolve();
  assert.deepEqual((await waiting.all()).map(({ signatures }) => signatures.length), [2]);
});
