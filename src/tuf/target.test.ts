import { describe, test } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { canonicalString } from "./canonical.ts";
import { HASH_ALGORITHMS } from "./crypto.ts";
import type { Json } from "./documents.ts";
import { TufError } from "./errors.ts";
import { parseTargetFile, targetFileFaults } from "./target.ts";

const sha256 = "ab".repeat(32);
const good = { length: 5, hashes: { sha256 } };

function refusal(value: unknown, limits?: { customBytes: number }): TufError {
  try {
    parseTargetFile(value as Json, limits);
  } catch (error) {
    assert.ok(error instanceof TufError, String(error));
    return error;
  }
  assert.fail("accepted");
}

describe("parseTargetFile", () => {
  test("gives the target and its canonical JSON", () => {
    const { target, fragment } = parseTargetFile({ length: 5, hashes: { sha512: "00".repeat(64), sha256 }, custom: { b: "é\n", a: [1, true] } });
    assert.deepEqual(target, { length: 5, hashes: { sha512: "00".repeat(64), sha256 }, custom: { b: "é\n", a: [1, true] } });
    assert.equal(fragment, `{"custom":{"a":[1,true],"b":"é\n"},"hashes":{"sha256":"${sha256}","sha512":"${"00".repeat(64)}"},"length":5}`);
  });
  test("gives the same for a length and a sha256 alone as for any other target", () => {
    for (const length of [0, 7, Number.MAX_SAFE_INTEGER]) {
      const { target, fragment } = parseTargetFile({ hashes: { sha256 }, length, other: 1 });
      assert.deepEqual(target, { length, hashes: { sha256 } });
      assert.equal(fragment, canonicalString({ length, hashes: { sha256 } }));
    }
    for (const hex of [`${sha256}\n`, sha256.slice(1), sha256.toUpperCase(), `${sha256}ab`]) assert.equal(refusal({ length: 1, hashes: { sha256: hex } }).code, "target-hash");
  });
  test("takes lengths from 0 to 2^53-1", () => {
    for (const length of [0, 1, Number.MAX_SAFE_INTEGER]) assert.equal(parseTargetFile({ ...good, length }).target.length, length);
  });
  test("takes every known algorithm alone", () => {
    for (const [algorithm, digits] of HASH_ALGORITHMS) parseTargetFile({ length: 0, hashes: { [algorithm]: "0".repeat(digits) } });
  });
  test("takes an unknown algorithm beside a known one, and leaves other members out", () => {
    const { target } = parseTargetFile({ ...good, hashes: { sha256, md5: "00ff" }, extra: 1 });
    assert.deepEqual(target, { length: 5, hashes: { sha256, md5: "00ff" } });
  });

  for (const length of [-1, 1.5, 2 ** 53, -0, Number.NaN, "5", null, undefined, true]) {
    test(`refuses the length ${Object.is(length, -0) ? "-0" : JSON.stringify(length)}`, () => {
      const error = refusal({ ...good, length });
      assert.equal(error.code, "target-length");
      assert.deepEqual(error.at, ["length"]);
    });
  }

  const hashes: [name: string, value: unknown, at: string[]][] = [
    ["none", {}, ["hashes"]],
    ["no object", [sha256], ["hashes"]],
    ["null", null, ["hashes"]],
    ["missing", undefined, ["hashes"]],
    ["an unknown algorithm alone", { md5: "00ff" }, ["hashes"]],
    ["a name that every object has", { toString: "00ff" }, ["hashes"]],
    ["upper case", { sha256: sha256.toUpperCase() }, ["hashes", "sha256"]],
    ["too short", { sha256: sha256.slice(2) }, ["hashes", "sha256"]],
    ["too long", { sha256: `${sha256}00` }, ["hashes", "sha256"]],
    ["not hex", { sha256: "x".repeat(64) }, ["hashes", "sha256"]],
    ["empty", { sha256: "" }, ["hashes", "sha256"]],
    ["a number", { sha256: 5 }, ["hashes", "sha256"]],
    ["a newline at the end", { sha256: `${sha256.slice(1)}\n` }, ["hashes", "sha256"]],
    ["an unknown one that is not hex beside a known one", { sha256, md5: "zz" }, ["hashes", "md5"]],
    ["a name that is none", { sha256, "a b\n": "00" }, ["hashes", "a b\n"]],
    ["constructor", { sha256, constructor: "00" }, ["hashes", "constructor"]],
  ];
  for (const [name, value, at] of hashes) {
    test(`refuses hashes: ${name}`, () => {
      const error = refusal({ ...good, hashes: value });
      assert.equal(error.code, "target-hash");
      assert.deepEqual(error.at, at);
    });
  }

  const deep = (levels: number): Json => (levels === 0 ? 1 : { a: deep(levels - 1) });
  const customs: [name: string, value: unknown][] = [
    ["null", null],
    ["null within", { a: [{ b: null }] }],
    ["a float", { a: 1.5 }],
    ["an integer beyond 2^53-1", { a: 2 ** 53 }],
    ["-0", { a: -0 }],
    ["a list", [1]],
    ["text", "x"],
    ["half a surrogate pair", { a: "\ud800" }],
    ["half a surrogate pair in a name", { "\ud800": 1 }],
    ["text not in NFC", { a: "e\u0301" }],
    ["a name not in NFC", { "e\u0301": 1 }],
    ["__proto__", JSON.parse('{"a":{"__proto__":1}}')],
    ["members that clients sort differently", { "\u{1f600}": 1, "\uffff": 2 }],
    ["10,000 levels", deep(5_000)],
  ];
  for (const [name, custom] of customs) {
    test(`refuses custom: ${name}`, () => {
      const error = refusal({ ...good, custom });
      assert.equal(error.code, "target-custom");
      assert.deepEqual(error.at, ["custom"]);
    });
  }
  test("bounds custom by its canonical bytes", () => {
    const custom = { a: "é".repeat(50) };
    const bytes = Buffer.byteLength(canonicalString(custom));
    parseTargetFile({ ...good, custom }, { customBytes: bytes });
    assert.equal(refusal({ ...good, custom }, { customBytes: bytes - 1 }).code, "target-custom");
    parseTargetFile({ ...good, custom: { a: "x".repeat(16_384 - 8) } });
    assert.equal(refusal({ ...good, custom: { a: "x".repeat(16_384 - 7) } }).code, "target-custom");
  });
  test("lists every fault", () => {
    const faults = targetFileFaults({ length: -1, hashes: { sha256: "x", sha512: "y" }, custom: null });
    assert.deepEqual(faults.map(({ at }) => at.join(".")), ["length", "hashes.sha256", "hashes.sha512", "custom"]);
    assert.match(refusal({ length: -1, hashes: {} }).message, /length .*hashes /);
  });
  test("property: refuses or accepts anything, and what it accepts reads back the same", () => {
    fc.assert(fc.property(fc.anything({ maxDepth: 3 }), fc.anything({ maxDepth: 2 }), (custom, value) => {
      for (const candidate of [value, { ...good, custom }, { ...good, hashes: value }, { ...good, length: value }]) {
        if (candidate === undefined) continue;
        if (targetFileFaults(candidate as Json).length > 0) continue;
        const { target, fragment } = parseTargetFile(candidate as Json);
        assert.equal(canonicalString(target as unknown as Json), fragment);
      }
    }), { numRuns: 300 });
  });
});
