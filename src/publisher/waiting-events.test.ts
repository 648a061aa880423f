import assert from "node:assert/strict";
import { test } from "node:test";
import { createRotationStage } from "../../test/fakes/rotation-stage.ts";
import { signedBy } from "../../test/fakes/root-holders.ts";
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
