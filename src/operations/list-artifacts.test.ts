import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { endOfPrefix } from "./list-artifacts.ts";

const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
const text = fc.string({ unit: "binary", maxLength: 6 });

test("every text that begins with a prefix lies between it and its end, and no other does", () => {
  fc.assert(fc.property(text, text, (prefix, rest) => {
    const end = endOfPrefix(prefix);
    const isInside = (one: string): boolean => compare(one, prefix) >= 0 && (end === undefined || compare(one, end) < 0);
    assert.ok(isInside(prefix + rest));
    assert.equal(isInside(rest), rest.startsWith(prefix));
  }), { numRuns: 2000 });
});

for (const { name, prefix, end } of [
  { name: "nothing", prefix: "", end: undefined },
  { name: "a letter", prefix: "a", end: "b" },
  { name: "the character before the surrogates", prefix: "a\ud7ff", end: "a\ue000" },
  { name: "the last character there is", prefix: "a\u{10ffff}", end: "b" },
  { name: "nothing but last characters", prefix: "\u{10ffff}\u{10ffff}", end: undefined },
]) {
  test(`the end of ${name}`, () => { assert.equal(endOfPrefix(prefix), end); });
}
