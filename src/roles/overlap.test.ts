import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { DelegatedRole } from "../tuf/documents.ts";
import { matchesPattern } from "../tuf/paths.ts";
import { delegationTreeOf } from "./delegation.ts";
import { longestWalk } from "./overlap.ts";

let count = 0;
const role = (paths: readonly string[], terminating = false): DelegatedRole => ({ name: `r${String(count++)}`, keyids: ["k"], threshold: 1, terminating, paths });

describe("longestWalk", () => {
  const ROWS: readonly (readonly [string, readonly DelegatedRole[], number])[] = [
    ["no roles", [], 0],
    ["folders of their own", ["a/*", "b/*", "c/*"].map((path) => role([path])), 1],
    ["the same pattern", ["a/*", "a/*", "a/*"].map((path) => role([path])), 3],
    ["terminating roles end it", ["a/*", "a/*", "a/*"].map((path) => role([path], true)), 1],
    ["another depth", ["a/*", "a/*/*"].map((path) => role([path])), 1],
    ["another ending", ["*.deb", "*.rpm"].map((path) => role([path])), 1],
    ["wildcards that may meet", ["a*", "*b"].map((path) => role([path])), 2],
    ["text against text", ["ab", "abc"].map((path) => role([path])), 1],
  ];
  for (const [name, roles, expected] of ROWS) test(name, () => assert.equal(longestWalk(delegationTreeOf({ delegations: { keys: {}, roles } })), expected));

  test("is never below what a client walks", () => {
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", "*", "?", "/"), minLength: 1, maxLength: 6 });
    const path = fc.string({ unit: fc.constantFrom("a", "b", "/"), minLength: 1, maxLength: 6 });
    fc.assert(fc.property(fc.array(fc.tuple(fc.array(pattern, { minLength: 1, maxLength: 2 }), fc.boolean()), { maxLength: 5 }), path, (wanted, asked) => {
      const roles = wanted.map(([paths, terminating]) => role(paths, terminating));
      let walked = 0;
      for (const each of roles) {
        if (each.paths?.some((one) => matchesPattern(one, asked)) !== true) continue;
        walked++;
        if (each.terminating) break;
      }
      assert.ok(longestWalk(delegationTreeOf({ delegations: { keys: {}, roles } })) >= walked);
    }), { numRuns: 2000 });
  });
});
