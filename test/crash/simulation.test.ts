// A bounded number of random schedules; `npm run simulate` runs as many as you like.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { simulate } from "../simulation/schedule.ts";

const SEEDS = 100;
const EACH = 25;

describe("random schedules", () => {
  const counts = new Map<string, number>();
  for (let from = 1; from <= SEEDS; from += EACH) {
    test(`seeds ${String(from)} to ${String(from + EACH - 1)} keep every promise`, async () => {
      for (let seed = from; seed < from + EACH; seed++) {
        const outcome = await simulate(seed);
        for (const [kind, times] of outcome.counts) counts.set(kind, (counts.get(kind) ?? 0) + times);
        assert.equal(outcome.violation, undefined, `${outcome.steps.join("\n")}\nseed ${String(seed)}: ${String(outcome.violation?.stack)}\nagain: npm run simulate -- --seed ${String(seed)}`);
      }
    });
  }

  test("the same seed takes the same steps", async () => {
    assert.deepEqual((await simulate(7)).steps, (await simulate(7)).steps);
  });

  test("everything that may happen did", () => {
    for (const kind of ["call", "time", "start", "pause", "clock", "signers", "request", "killed", "not stored", "failed"]) assert.ok((counts.get(kind) ?? 0) > 10, kind);
  });
});
