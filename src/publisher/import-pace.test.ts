import assert from "node:assert/strict";
import { test } from "node:test";

import { ImportPace } from "./import-pace.ts";

test("an import takes a tenth of a second beside others, and what a batch holds alone", () => {
  const pace = new ImportPace(20_000);
  assert.equal(pace.take(0), 256, "before anything was measured");
  pace.published({ imported: 1_000, others: 0, tookMs: 100, nowMs: 1_000 });
  assert.equal(pace.take(1_000), 10_000, "a second's worth");
  pace.published({ imported: 0, others: 1, tookMs: 30, nowMs: 1_100 });
  assert.equal(pace.take(1_200), 1_000);
  assert.equal(pace.take(6_200), 10_000, "they have gone");
  pace.published({ imported: 10_000, others: 0, tookMs: 1, nowMs: 6_300 });
  for (let i = 0; i < 20; i++) pace.published({ imported: 20_000, others: 0, tookMs: 20, nowMs: 6_300 });
  assert.equal(pace.take(20_000), 20_000, "never more than a batch holds");
});

test("after a batch of an import the others go first", () => {
  const pace = new ImportPace(1_000);
  assert.equal(pace.othersFirst, false);
  pace.published({ imported: 500, others: 0, tookMs: 10, nowMs: 0 });
  assert.equal(pace.othersFirst, true);
  pace.published({ imported: 0, others: 1, tookMs: 10, nowMs: 0 });
  assert.equal(pace.othersFirst, false);
});
