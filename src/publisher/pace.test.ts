import assert from "node:assert/strict";
import { test } from "node:test";

import { Pace } from "./pace.ts";

test("long work takes four tenths of a second, and a tenth of one while somebody waits for it", () => {
  const pace = new Pace({ least: 256, most: 20_000 });
  assert.equal(pace.take(0, true), 256, "before anything was measured");
  pace.published({ own: 1_000, waited: false, tookMs: 100, nowMs: 1_000 });
  assert.equal(pace.take(1_000, true), 4_000, "as much as others overtake");
  assert.equal(pace.take(1_000, false), 10_000, "a second's, where nobody can overtake and nobody is there");
  pace.published({ own: 0, waited: true, tookMs: 30, nowMs: 1_100 });
  assert.equal(pace.take(1_200, false), 1_000);
  assert.equal(pace.take(6_200, true), 4_000, "they have gone");
  pace.published({ own: 10_000, waited: false, tookMs: 1, nowMs: 6_300 });
  for (let i = 0; i < 20; i++) pace.published({ own: 20_000, waited: false, tookMs: 20, nowMs: 6_300 });
  assert.equal(pace.take(20_000, true), 20_000, "never more than a batch holds");
});

test("where others overtake, who waits once waits by chance", () => {
  const pace = new Pace({ least: 256, most: 20_000 });
  pace.published({ own: 1_000, waited: false, tookMs: 100, nowMs: 0 });
  const waits = (nowMs: number): number => {
    pace.published({ own: 4_000, waited: true, tookMs: 400, nowMs });
    return pace.take(nowMs, true);
  };
  assert.equal(pace.take(0, true), 4_000);
  assert.deepEqual([waits(1_000), waits(3_100), waits(5_000)], [4_000, 4_000, 1_000]);
});

test("a batch that was cheaper by the piece is believed sooner than a dearer one", () => {
  const pace = new Pace({ least: 64, most: 20_000 });
  pace.published({ own: 64, waited: false, tookMs: 192, nowMs: 0 });
  pace.published({ own: 333, waited: false, tookMs: 333, nowMs: 200 });
  assert.equal(pace.take(200, true), 285, "from 3 ms each: most of the way to 1");
  pace.published({ own: 285, waited: false, tookMs: 855, nowMs: 2_400 });
  assert.equal(pace.take(2_400, true), 212, "less than a third of the way back");
});

test("after a batch with it the others go first", () => {
  const pace = new Pace({ least: 256, most: 1_000 });
  assert.equal(pace.othersFirst, false);
  pace.published({ own: 500, waited: false, tookMs: 10, nowMs: 0 });
  assert.equal(pace.othersFirst, true);
  pace.published({ own: 0, waited: true, tookMs: 10, nowMs: 0 });
  assert.equal(pace.othersFirst, false);
});
