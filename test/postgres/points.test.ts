// Real workers that stand still, die or are robbed in the middle of a publish: some moments of many. All of them:
// `npm run test:chaos -- --points`.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Points } from "../chaos/points.ts";

/** The longest that a lease of 15 s may leave a repository without a publisher. */
const TAKE_OVER_MS = 20_000;

describe("of two workers", () => {
  let points: Points;
  before(async () => { points = await Points.start([3_000, 15_000]); });
  after(async () => { await points.end(); });

  test("one that stands still before it replaces the timestamp, and wakes after the other has published, does no harm", async () => {
    assert.ok(await points.strike("PUT timestamp.json", "stands before"));
  });

  test("one that helps and stands still holds up a batch for a while, and nothing else", async () => {
    assert.ok(await points.strike("COMMIT", "stands before", "helper"));
  });

  test("one that is killed is followed within twenty seconds, with a lease of fifteen", async () => {
    const took = await points.kill();
    assert.ok(took > 5_000 && took < TAKE_OVER_MS, `${String(took)} ms`);
  });

  test("one that is robbed of its lease moves no head with it", async () => {
    assert.ok(await points.strike("COMMIT", "is robbed"));
  });
});
