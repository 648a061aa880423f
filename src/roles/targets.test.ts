import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { canonicalString, canonicalize, compareCodePoints } from "../tuf/canonical.ts";
import type { Json } from "../tuf/documents.ts";
import { SPEC_VERSION } from "../tuf/parse.ts";
import { mergeTargets, pressTargets, type TargetEntry } from "./targets.ts";

const fragment = (length: number): string => canonicalString({ hashes: { sha256: "ab".repeat(32) }, length });
const entries = (...paths: string[]): TargetEntry[] => paths.sort(compareCodePoints).map((path) => ({ path, fragment: fragment(1) }));

describe("mergeTargets", () => {
  test("equals applying the edits to a map and sorting by UTF-8 bytes", () => {
    const path = fc.stringMatching(/^[a-z\u00e9\u4e00"]{1,3}$/);
    fc.assert(fc.property(fc.uniqueArray(path), fc.array(fc.tuple(path, fc.option(fc.nat(9), { nil: undefined }))), (before, changes) => {
      const edits = new Map(changes.map(([name, length]) => [name, length === undefined ? undefined : fragment(length)]));
      const expected = new Map(before.map((name) => [name, fragment(1)]));
      for (const [name, value] of edits) {
        if (value === undefined) expected.delete(name);
        else expected.set(name, value);
      }
      const { targets, refused } = mergeTargets(entries(...before), edits);
      assert.deepEqual(refused, []);
      assert.deepEqual(targets.map((target) => [target.path, target.fragment]), [...expected].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    }));
  });

  test("refuses the edit that would bring an order clients disagree about, and keeps what was there", () => {
    const { targets, refused } = mergeTargets(entries("\uFF5E"), new Map([["\u{10000}", fragment(1)], ["plain", fragment(2)]]));
    assert.deepEqual(refused, ["\u{10000}"]);
    assert.deepEqual(targets.map(({ path }) => path), ["plain", "\uFF5E"]);
  });

  test("what it lets through, UTF-16 and UTF-8 order alike", () => {
    const path = fc.stringMatching(/^[a\uff5e\u{10000}]{1,3}$/u);
    fc.assert(fc.property(fc.uniqueArray(path, { minLength: 1 }), (paths) => {
      const { targets } = mergeTargets([], new Map(paths.map((name) => [name, fragment(1)])));
      const names = targets.map((target) => target.path);
      assert.deepEqual(names, [...names].sort());
      assert.ok(names.length > 0);
    }));
  });
});

describe("pressTargets", () => {
  test("writes the bytes that canonical JSON of the document has", () => {
    const delegations = { keys: {}, succinct_roles: { keyids: ["k"], threshold: 1, bit_length: 2, name_prefix: "bins" } };
    const targets = entries('q"uote', "a/b", "\u00e9");
    const document = {
      _type: "targets", spec_version: SPEC_VERSION, version: 7, expires: "2030-01-01T00:00:00Z", delegations,
      targets: Object.fromEntries(targets.map((target) => [target.path, JSON.parse(target.fragment) as Json])),
    };
    assert.deepEqual(pressTargets({ version: 7, expires: "2030-01-01T00:00:00Z", targets, delegations }), canonicalize(document));
  });

  test("refuses a role that clients could not read", () => {
    const targets = Array.from({ length: 60_000 }, (_, i) => ({ path: `p/${String(i).padStart(6, "0")}`, fragment: fragment(i) }));
    assert.throws(() => pressTargets({ version: 1, expires: "2030-01-01T00:00:00Z", targets }), { code: "role-too-large" });
  });
});
