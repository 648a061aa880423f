import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { binCount, binIndexOf, binIndexOfName, binName, binNames, binOf, bitLengthOf, floorToPowerOfTwo, hashPrefixesOf, isBinName } from "./bins.ts";
import { TufError } from "./errors.ts";

const python = JSON.parse(readFileSync(new URL("vectors/python-tuf.json", import.meta.url), "utf8")) as {
  bins: { bitLength: number; first: string; last: string; binOf: Record<string, string> }[];
};
const refused = (error: unknown): boolean => error instanceof TufError && error.code === "bins";

describe("succinct bins", () => {
  for (const vector of python.bins) {
    test(`of ${vector.bitLength} bits are named and filled as python-tuf does`, () => {
      assert.equal(binName("bins", vector.bitLength, 0), vector.first);
      assert.equal(binName("bins", vector.bitLength, 2 ** vector.bitLength - 1), vector.last);
      for (const [path, bin] of Object.entries(vector.binOf)) assert.equal(binOf("bins", vector.bitLength, path), bin);
    });
  }

  test("property: a path's bin is the leading bits of its sha256, for every size", () => {
    fc.assert(fc.property(fc.string({ unit: "grapheme" }), (path) => {
      const bits = [...createHash("sha256").update(path).digest()].map((byte) => byte.toString(2).padStart(8, "0")).join("");
      for (let bitLength = 1; bitLength <= 32; bitLength++) {
        const index = Number.parseInt(bits.slice(0, bitLength), 2);
        assert.equal(binIndexOf(bitLength, path), index);
        assert.equal(binIndexOfName("b", bitLength, binOf("b", bitLength, path)), index);
      }
    }), { numRuns: 200 });
  });

  test("all names are distinct, in order and recognised, for every size", () => {
    for (let bitLength = 1; bitLength <= 14; bitLength++) {
      const names = [...binNames("bins", bitLength)];
      assert.equal(new Set(names).size, 2 ** bitLength);
      assert.deepEqual(names, [...names].sort());
      assert.equal(new Set(names.map((name) => name.length)).size, 1);
      assert.ok(names.every((name) => isBinName("bins", bitLength, name)));
    }
  });

  test("recognises no other spelling", () => {
    for (const name of ["bins-0", "bins-000", "bins-0A", "bins-20", "bins-+1", "bins- 1", "bins-1 ", "bins", "bins-", "binsx0", "other-01", "BINS-01", "bins-01.json", "bins-0x", "bins--1"]) {
      assert.equal(isBinName("bins", 5, name), false, name);
    }
    assert.equal(isBinName("bins", 5, "bins-1f"), true);
    assert.equal(isBinName("a.*", 5, "axx-1f"), false);
  });

  test("refuses indexes and bit lengths there are none of", () => {
    for (const [bits, index] of [[1, 2], [1, -1], [1, 0.5], [0, 0], [33, 0], [1.5, 0], [Number.NaN, 0]] as [number, number][]) {
      assert.throws(() => binName("b", bits, index), refused);
    }
    assert.throws(() => binOf("b", 0, "x"), refused);
    assert.throws(() => binCount(64), refused);
  });
});

describe("hashPrefixesOf", () => {
  test("property: exactly one bin's prefixes begin a path's sha256, and it is the succinct one's index", () => {
    const sizes = Array.from({ length: 14 }, (_, i) => i + 1);
    const byPrefix = new Map(sizes.map((bits) => [bits, new Map(Array.from({ length: 2 ** bits }, (_, index) => hashPrefixesOf(bits, index).map((prefix): [string, number] => [prefix, index])).flat())]));
    for (const bits of sizes) assert.equal(byPrefix.get(bits)?.size, 16 ** Math.ceil(bits / 4));
    fc.assert(fc.property(fc.string(), fc.constantFrom(...sizes), (path, bits) => {
      const hash = createHash("sha256").update(path).digest("hex");
      assert.equal(byPrefix.get(bits)?.get(hash.slice(0, Math.ceil(bits / 4))), binIndexOf(bits, path));
    }), { numRuns: 300 });
  });
});

describe("bitLengthOf", () => {
  test("takes the powers of two from 2 to 16,384", () => {
    for (let bits = 1; bits <= 14; bits++) assert.equal(bitLengthOf(2 ** bits), bits);
    for (const bins of [0, 1, 3, 100, 16_385, 32_768, -2, 2.5, Number.NaN, Infinity]) assert.throws(() => bitLengthOf(bins), refused, String(bins));
  });
});

describe("floorToPowerOfTwo", () => {
  test("property: is a power of two, not above, and its double is above", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (n) => {
      const power = floorToPowerOfTwo(n);
      assert.equal(power & (power - 1), 0);
      assert.ok(power <= n && power * 2 > n);
    }), { numRuns: 300 });
  });
  test("refuses what has none", () => {
    for (const n of [0, -1, 0.5, Number.NaN, Infinity]) assert.throws(() => floorToPowerOfTwo(n), refused);
  });
});
