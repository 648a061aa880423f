import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Delegations, Key } from "../tuf/documents.ts";
import { binDelegations, delegationTreeOf } from "./delegation.ts";
import { handOver, rolesSharedBy, rolesSignedBy } from "./delegation-keys.ts";

const key = (digit: string): Key => ({ keytype: "ed25519", scheme: "ed25519", keyval: { public: digit.repeat(64) } });
const NEXT = { keyid: "new", key: key("b") };
const treeOf = (delegations: Delegations) => delegationTreeOf({ delegations });

for (const style of ["succinct", "classic"] as const) {
  describe(`bins in ${style} style`, () => {
    const before = binDelegations(4, style, { keyid: "old", key: key("a") });
    const keyids = (delegations: Delegations) => delegations.succinct_roles?.keyids ?? delegations.roles?.[3]?.keyids;

    test("are listed while the old key signs them", () => {
      assert.deepEqual(rolesSignedBy(treeOf(before), "old"), ["bins-0", "bins-1", "bins-2", "bins-3"]);
      assert.deepEqual(rolesSignedBy(treeOf(before), "other"), []);
    });

    test("list both keys, the new one first, and then the new one alone", () => {
      const both = handOver(before, "old", NEXT, "both");
      assert.deepEqual(keyids(both), ["new", "old"]);
      assert.deepEqual(Object.keys(both.keys).sort(), ["new", "old"]);
      const after = handOver(both, "old", NEXT, "alone");
      assert.deepEqual(keyids(after), ["new"]);
      assert.deepEqual(after.keys, { new: NEXT.key });
    });

    test("whose key object alone changed keep one keyid", () => {
      const after = handOver(before, "old", { keyid: "old", key: key("c") }, "both");
      assert.deepEqual(keyids(after), ["old"]);
      assert.deepEqual(after.keys, { old: key("c") });
    });
  });
}

test("roles that people sign keep the old key", () => {
  const mixed: Delegations = {
    keys: { old: key("a"), person: key("d") },
    roles: [{ name: "prod", keyids: ["old", "person"], threshold: 2, terminating: true, paths: ["prod/*"] }],
  };
  const people = new Set(["prod"]);
  assert.deepEqual(handOver(mixed, "old", NEXT, "alone", people), { ...mixed });
  assert.deepEqual([rolesSignedBy(treeOf(mixed), "old", people), rolesSharedBy(treeOf(mixed), "old", people)], [[], []]);
});

describe("roles that need several signatures of this service", () => {
  const shared: Delegations = {
    keys: { old: key("a"), other: key("d") },
    roles: [{ name: "prod", keyids: ["old", "other"], threshold: 2, terminating: true, paths: ["prod/*"] }],
  };

  test("change hands at once", () => {
    assert.deepEqual(rolesSharedBy(treeOf(shared), "old", new Set()), ["prod"]);
    assert.deepEqual(handOver(shared, "old", NEXT, "both"), { ...shared });
    const after = handOver(shared, "old", NEXT, "alone");
    assert.deepEqual([after.roles?.[0]?.keyids, after.roles?.[0]?.threshold, Object.keys(after.keys).sort()], [["new", "other"], 2, ["new", "other"]]);
  });

  test("need one less where two keys became one", () => {
    const after = handOver(shared, "old", { keyid: "other", key: key("d") }, "alone");
    assert.deepEqual([after.roles?.[0]?.keyids, after.roles?.[0]?.threshold], [["other"], 1]);
  });
});
