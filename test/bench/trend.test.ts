import assert from "node:assert/strict";
import { test } from "node:test";
import { growth, judged } from "./trend.ts";

const level = { what: "memory", unit: "MiB", bound: 0.1, least: 5 };

test("what is level is flat, whatever one part did", () => {
  assert.equal(growth([100, 100, 100, 100]), 0);
  assert.ok(judged({ ...level, values: [50, 90, 200, 201, 340, 200, 199, 201] }).flat);
});

test("what grows from part to part is told, with how much", () => {
  const verdict = judged({ ...level, values: [50, 90, 200, 210, 221, 229, 240, 251] });
  assert.equal(verdict.flat, false);
  assert.match(verdict.words, /^memory: \*\*grows\*\*: grew by 50.* from part 3 to part 8; it may grow by 10 %, or 5 MiB\.$/);
});

test("the first parts do not count, nor what is little in its unit", () => {
  assert.ok(judged({ ...level, values: [1, 100, 200, 200, 200, 200, 200, 200] }).flat);
  assert.ok(judged({ ...level, values: [1, 1, 10, 11, 12, 12, 13, 14] }).flat);
});
