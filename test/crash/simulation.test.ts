// A bounded number of random schedules; `npm run simulate` runs as many as you like.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { apart } from "../fakes/apart.ts";
import type { Outcome } from "../simulation/schedule.ts";

const schedules = import.meta.resolve("../simulation/schedule.ts");
const simulate = (from: number, count: number): Promise<readonly Outcome[]> => apart(schedules, "simulateUntilBroken", from, count);

const SEEDS = 40;
const EACH = 20;

describe("random schedules", () => {
  const counts = new Map<string, number>();
  for (let from = 1; from <= SEEDS; from += EACH) {
    test(`seeds ${String(from)} to ${String(from + EACH - 1)} keep every promise`, async () => {
      for (const { seed, steps, violation, ...outcome } of await simulate(from, EACH)) {
        for (const [kind, times] of outcome.counts) counts.set(kind, (counts.get(kind) ?? 0) + times);
        assert.equal(violation, undefined, `${steps.join("\n")}\nseed ${String(seed)}: ${String(violation?.stack)}\nagain: npm run simulate -- --seed ${String(seed)}`);
      }
    });
  }

  test("the same seed takes the same steps", async () => {
    const [once, again] = [await simulate(7, 1), await simulate(7, 1)];
    assert.ok(once[0]!.steps.length > 0);
    assert.deepEqual(once[0]!.steps, again[0]!.steps);
  });

  test("everything that may happen did", () => {
    for (const kind of ["call", "time", "start", "pause", "clock", "signers", "request", "killed", "not stored", "failed"]) assert.ok((counts.get(kind) ?? 0) > 10, kind);
    for (const kind of ["root signed", "root published"]) assert.ok((counts.get(kind) ?? 0) > 3, kind);
  });
});
