// What is kept for so long, and no longer (retention): by a publisher that ticks, with the lives configuration states.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createPublisherStage, DAY_MS, HOUR_MS } from "../../test/fakes/publisher-stage.ts";

test("an Idempotency-Key is kept for a day, the task it led to for a month", async () => {
  const stage = createPublisherStage();
  await stage.bootstrap(2);
  await stage.settle();
  const send = async (id: string): Promise<string> => {
    const answer = await stage.database.accept({
      task: { id, kind: "update_settings", createdMs: stage.clock.now(), request: {} }, changes: [], held: false, limits: { changes: 1, bytes: 1 },
      result: { state: "SUCCESS", message: "", lastUpdateMs: stage.clock.now() }, idempotency: { principal: "ann", key: "k", bodySha256: "ab" },
    });
    return answer.outcome;
  };
  const sleep = async (ms: number): Promise<void> => {
    await stage.clock.advance(ms);
    await stage.settle();
  };
  const [first, again, later] = ["1", "2", "3"].map((digit) => digit.repeat(32)) as [string, string, string];
  assert.equal(await send(first), "accepted");
  await sleep(DAY_MS - HOUR_MS);
  assert.equal(await send(again), "replayed");
  await sleep(3 * HOUR_MS);
  assert.equal(await send(later), "accepted");
  await sleep(28 * DAY_MS);
  assert.ok(await stage.database.getTask(first));
  await sleep(1.5 * DAY_MS);
  assert.equal(await stage.database.getTask(first), undefined);
  assert.ok(await stage.database.getTask(later));
});
