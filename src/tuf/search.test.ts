import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { binNames, binOf, hashPrefixesOf } from "./bins.ts";
import { sha256Hex } from "./crypto.ts";
import type { DelegatedRole, Targets } from "./documents.ts";
import { matchesPattern } from "./paths.ts";
import { delegationsFor } from "./search.ts";
import { common } from "../../test/golden/repository.ts";

const python = JSON.parse(readFileSync(new URL("vectors/python-tuf.json", import.meta.url), "utf8")) as {
  prefixes: { prefix: string; matches: string[] }[];
  patternNames: string[];
};

const delegating = (delegations: object): Targets => ({ ...common("targets", 1), targets: {}, delegations: { keys: {}, ...delegations } }) as unknown as Targets;
const role = (name: string, by: object, terminating = false): object => ({ name, keyids: ["k"], threshold: 1, terminating, ...by });
const names = (targets: Targets, path: string): string[] => [...delegationsFor(targets, path)].map(({ name }) => name);

describe("delegationsFor", () => {
  test("gives the roles that match in the order they are listed, each once, with what ends the search", () => {
    const targets = delegating({ roles: [
      role("second", { paths: ["*", "?"] }),
      role("hash", { path_hash_prefixes: ["c", "ca"] }),
      role("other", { paths: ["b"] }),
      role("last", { paths: ["a"] }, true),
      role("after", { path_hash_prefixes: [""] }),
    ] });
    assert.deepEqual([...delegationsFor(targets, "a")], [
      { name: "second", terminating: false },
      { name: "hash", terminating: false },
      { name: "last", terminating: true },
      { name: "after", terminating: false },
    ]);
  });
  test("gives the one bin of a succinct delegation, and nothing where nothing is delegated", () => {
    const targets = delegating({ succinct_roles: { keyids: ["k"], threshold: 1, bit_length: 8, name_prefix: "bins" } });
    assert.deepEqual([...delegationsFor(targets, "a")], [{ name: "bins-ca", terminating: true }]);
    assert.deepEqual(names({ ...common("targets", 1), targets: {} } as unknown as Targets, "a"), []);
  });
  for (const { prefix, matches } of python.prefixes) {
    test(`the hash prefix ${JSON.stringify(prefix.slice(0, 8))} matches what it matches in python-tuf`, () => {
      const targets = delegating({ roles: [role("r", { path_hash_prefixes: [prefix] })] });
      assert.deepEqual(python.patternNames.filter((name) => names(targets, name).length > 0), matches);
    });
  }
  test("classic bins hold what succinct ones hold", () => {
    const targets = delegating({ roles: [...binNames("bins", 6)].map((name, i) => role(name, { path_hash_prefixes: hashPrefixesOf(6, i) })) });
    for (let i = 0; i < 200; i++) assert.deepEqual(names(targets, `p/${i}`), [binOf("bins", 6, `p/${i}`)]);
  });
  test("property: equals a scan over all roles", () => {
    const by = fc.oneof(
      fc.record({ paths: fc.array(fc.constantFrom("*", "a*", "?", "a/*", "b"), { maxLength: 3 }) }),
      fc.record({ path_hash_prefixes: fc.array(fc.string({ unit: fc.constantFrom(...Array.from("0123456789abcdef")), maxLength: 2 }), { maxLength: 20 }) }),
    );
    fc.assert(fc.property(fc.array(by, { maxLength: 10 }), fc.constantFrom("a", "b", "ab", "a/b", "c", "x/y"), (list, path) => {
      const roles = list.map((entry, i) => role(`r${i}`, entry) as DelegatedRole);
      const hash = sha256Hex(path);
      const wanted = roles.filter(({ paths, path_hash_prefixes: prefixes }) => paths?.some((pattern) => matchesPattern(pattern, path)) ?? prefixes?.some((prefix) => hash.startsWith(prefix)));
      assert.deepEqual(names(delegating({ roles }), path), wanted.map(({ name }) => name));
    }), { numRuns: 300 });
  });
});
