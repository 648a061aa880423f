import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { canonicalize, canonicalString, compareCodePoints, embed, envelopeBytes, ordersAgree } from "./canonical.ts";
import type { Json } from "./documents.ts";
import { TufError } from "./errors.ts";
import { parseJson } from "./json.ts";

interface Vectors {
  readonly origin: string;
  readonly canonical: readonly { name: string; json: string; canonicalHex: string }[];
}
const vectors = ["python-tuf.json", "go-tuf.json", "tough.json"].map(
  (name) => JSON.parse(readFileSync(new URL(`vectors/${name}`, import.meta.url), "utf8")) as Vectors,
);

/** An encoder that shares nothing with the real one: bytes, and an insertion sort on them. */
function naive(value: Json): Buffer {
  const text = (string: string): Buffer => Buffer.concat([Buffer.from('"'), ...[...Buffer.from(string)].map((byte) => Buffer.from(byte === 0x22 || byte === 0x5c ? [0x5c, byte] : [byte])), Buffer.from('"')]);
  const joined = (open: string, parts: Buffer[], close: string): Buffer => Buffer.concat([Buffer.from(open), ...parts.flatMap((part, i) => (i === 0 ? [part] : [Buffer.from(","), part])), Buffer.from(close)]);
  if (value === null || typeof value === "boolean") return Buffer.from(`${value}`);
  if (typeof value === "number") return Buffer.from(BigInt(value).toString());
  if (typeof value === "string") return text(value);
  if (Array.isArray(value)) return joined("[", (value as Json[]).map(naive), "]");
  const sorted: [Buffer, Json][] = [];
  for (const [name, member] of Object.entries(value)) {
    const bytes = Buffer.from(name);
    const before = sorted.findIndex(([other]) => Buffer.compare(bytes, other) < 0);
    sorted.splice(before < 0 ? sorted.length : before, 0, [bytes, member]);
  }
  return joined("{", sorted.map(([name, member]) => Buffer.concat([text(name.toString()), Buffer.from(":"), naive(member)])), "}");
}

const name = fc.oneof(fc.string({ unit: "binary", maxLength: 6 }), fc.constantFrom("\u{1f600}", "\uffff", "\ue000", "\u{10ffff}", "a", "ab", "\u0000", "10", "9"))
  .filter((text) => !["__proto__", "constructor", "prototype"].includes(text));
const json: fc.Arbitrary<Json> = fc.letrec<{ any: Json }>((tie) => ({
  any: fc.oneof({ maxDepth: 5 }, fc.constant(null), fc.boolean(), fc.maxSafeInteger().map((n) => n + 0), fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom('"', "\\", "\n", "\u0000", "\u001f", "\u007f", "é", "😀", "/") }),
    fc.array(tie("any"), { maxLength: 4 }),
    fc.array(fc.tuple(name, tie("any")), { maxLength: 6 }).map((members) => Object.fromEntries(members))),
})).any;

const code = (wanted: string) => (error: unknown): boolean => error instanceof TufError && error.code === wanted;

describe("canonicalize", () => {
  for (const { origin, canonical } of vectors) {
    for (const vector of canonical) {
      test(`${vector.name}, as ${origin.split(",")[0]} has it`, () => {
        assert.equal(canonicalize(parseJson(Buffer.from(vector.json))).toString("hex"), vector.canonicalHex);
      });
    }
  }

  test("property: equals an independent naive encoder", () => {
    fc.assert(fc.property(json, (value) => { assert.ok(canonicalize(value).equals(naive(value)), canonicalString(value)); }), { numRuns: 500 });
  });

  test("property: does not depend on the order members were written in", () => {
    fc.assert(fc.property(fc.uniqueArray(name, { maxLength: 12 }), fc.infiniteStream(fc.nat()), (names, picks) => {
      const shuffled = names.map((text): [number, string] => [picks.next().value as number, text]).sort(([a], [b]) => a - b).map(([, text]) => text);
      const of = (list: string[]): string => canonicalString(Object.fromEntries(list.map((text) => [text, 1])));
      assert.equal(of(shuffled), of(names));
    }), { numRuns: 200 });
  });

  for (const value of [1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 53), -0]) {
    test(`refuses the number ${Object.is(value, -0) ? "-0" : value}`, () => { assert.throws(() => canonicalize([value]), code("canonical-number")); });
  }
  test("refuses half a surrogate pair, in text and name", () => {
    assert.throws(() => canonicalize(["\ud800"]), code("canonical-value"));
    assert.throws(() => canonicalize({ "\udc00": 1 }), code("canonical-value"));
  });
  test("refuses what JSON does not have", () => {
    for (const value of [undefined, 1n, () => 1, Symbol("x")]) assert.throws(() => canonicalize({ a: value } as unknown as Json), code("canonical-value"));
  });
  test("refuses a value that contains itself instead of running out of stack", () => {
    const value: Json[] = [];
    value.push(value);
    assert.throws(() => canonicalize(value), code("canonical-value"));
  });
});

describe("compareCodePoints", () => {
  test("property: is the order of the UTF-8 bytes", () => {
    fc.assert(fc.property(name, name, (a, b) => {
      assert.equal(Math.sign(compareCodePoints(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }), { numRuns: 500 });
  });
});

describe("ordersAgree", () => {
  test("property: exactly when sorting by UTF-16 units gives the same list", () => {
    fc.assert(fc.property(fc.uniqueArray(name, { maxLength: 8 }), (names) => {
      const sorted = [...names].sort(compareCodePoints);
      assert.equal(ordersAgree(sorted), JSON.stringify([...names].sort()) === JSON.stringify(sorted));
    }), { numRuns: 400 });
  });
});

describe("embed", () => {
  test("property: reads back as the same value and re-canonicalises to the same bytes", () => {
    fc.assert(fc.property(json, (value) => {
      const canonical = canonicalize(value);
      const read = parseJson(embed(canonical));
      assert.deepEqual(read, value);
      assert.ok(canonicalize(read).equals(canonical));
    }), { numRuns: 400 });
  });
  test("escapes every control character", () => {
    const all = String.fromCharCode(...Array.from({ length: 32 }, (_, i) => i));
    const embedded = embed(canonicalize([all]));
    assert.ok(embedded.every((byte) => byte >= 0x20));
    assert.deepEqual(JSON.parse(embedded.toString()), [all]);
  });
  test("returns the same buffer when there is nothing to escape", () => {
    const canonical = canonicalize({ a: "é\u007f" });
    assert.equal(embed(canonical), canonical);
  });
});

describe("envelopeBytes", () => {
  test("lists the signatures before what was signed, which stays as it was", () => {
    const bytes = envelopeBytes(canonicalize({ b: 1, a: "x\ny" }), [{ keyid: "k2", sig: "aa" }, { keyid: 'k"1', sig: "" }]);
    assert.equal(bytes.toString(), '{"signatures":[{"keyid":"k2","sig":"aa"},{"keyid":"k\\"1","sig":""}],"signed":{"a":"x\\ny","b":1}}');
  });
  test("refuses a keyid that stands twice", () => {
    const signature = { keyid: "k", sig: "aa" };
    assert.throws(() => envelopeBytes(canonicalize({}), [signature, signature]), code("document-field"));
  });
});
