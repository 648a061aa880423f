import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { canonicalize } from "./canonical.ts";
import type { Key, Root, Signature, Targets } from "./documents.ts";
import { TufError } from "./errors.ts";
import { delegationOf, requireThreshold, verifyThreshold } from "./threshold.ts";
import { common, rootDocument, rootKey, signatureBy, testKey } from "../../test/golden/repository.ts";
import type { TestKey } from "../../test/golden/repository.ts";

const [a, b, c, stranger] = ["a", "b", "c", "stranger"].map((name) => testKey(name)) as [TestKey, TestKey, TestKey, TestKey];
const canonical = canonicalize({ hello: "world" });
const by = (key: TestKey, keyid = key.keyid): Signature => ({ ...signatureBy(key, canonical), keyid });
const keys: Record<string, Key> = Object.fromEntries([a, b, c].map(({ keyid, key }) => [keyid, key]));
const role = (threshold: number, ...by: TestKey[]): { keyids: string[]; threshold: number } => ({ keyids: by.map(({ keyid }) => keyid), threshold });

describe("verifyThreshold", () => {
  test("names who signed and who is missing", () => {
    const verdict = verifyThreshold({ keys, role: role(2, a, b, c) }, { signatures: [by(c), by(a)], canonical });
    assert.deepEqual(verdict, { valid: [a.keyid, c.keyid], missing: [b.keyid], met: true });
  });
  test("is not met by one signature where two are needed", () => {
    assert.equal(verifyThreshold({ keys, role: role(2, a, b) }, { signatures: [by(a)], canonical }).met, false);
  });
  test("ignores a stranger's signature, empty and broken ones", () => {
    const signatures = [by(stranger), { keyid: b.keyid, sig: "" }, { keyid: "x", sig: "zz" }, by(a)];
    assert.deepEqual(verifyThreshold({ keys, role: role(2, a, b) }, { signatures, canonical }).valid, [a.keyid]);
  });
  test("counts no signature of a listed key that the role does not name", () => {
    assert.deepEqual(verifyThreshold({ keys, role: role(1, b) }, { signatures: [by(a)], canonical }), { valid: [], missing: [b.keyid], met: false });
  });
  test("counts no signature by another key under a trusted keyid", () => {
    assert.equal(verifyThreshold({ keys, role: role(1, a) }, { signatures: [by(stranger, a.keyid)], canonical }).met, false);
  });
  test("counts one public key under two keyids once", () => {
    const twin = { ...keys, twin: { ...a.key, "x-name": "another" } };
    const both = { keyids: [a.keyid, "twin"], threshold: 2 };
    const verdict = verifyThreshold({ keys: twin, role: both }, { signatures: [by(a), by(a, "twin")], canonical });
    assert.deepEqual(verdict, { valid: [a.keyid], missing: [], met: false });
    assert.deepEqual(verifyThreshold({ keys: twin, role: both }, { signatures: [by(a)], canonical }).missing, []);
  });
  test("counts a keyid once, however often role and signatures repeat it", () => {
    const repeated = { keyids: [a.keyid, a.keyid], threshold: 2 };
    assert.equal(verifyThreshold({ keys, role: repeated }, { signatures: [by(a), by(a)], canonical }).met, false);
  });
  test("lists a keyid without a key as missing, one named like an inherited member too", () => {
    const verdict = verifyThreshold({ keys, role: { keyids: ["gone", "toString"], threshold: 1 } }, { signatures: [{ keyid: "toString", sig: "00" }], canonical });
    assert.deepEqual(verdict, { valid: [], missing: ["gone", "toString"], met: false });
  });
});

describe("requireThreshold", () => {
  test("throws with the role's name and both numbers", () => {
    assert.throws(() => { requireThreshold("snapshot", keys, role(2, a, b), { signatures: [by(a)], canonical }); },
      (error: unknown) => error instanceof TufError && error.code === "threshold" && /snapshot .*1.*2/.test(error.message));
    requireThreshold("snapshot", keys, role(1, a, b), { signatures: [by(b)], canonical });
  });
});

describe("delegationOf", () => {
  const root = rootDocument(1, [rootKey], 1) as Root;
  const explicit = { ...common("targets", 1), targets: {}, delegations: { keys, roles: [{ name: "p", ...role(1, a), terminating: false, paths: ["*"] }] } } as unknown as Targets;
  const succinct = { ...common("targets", 1), targets: {}, delegations: { keys, succinct_roles: { ...role(1, b), bit_length: 4, name_prefix: "bins" } } } as unknown as Targets;
  test("finds top-level roles in root, delegated ones in targets, bins in a succinct delegation", () => {
    assert.deepEqual(delegationOf(root, "root")?.role.keyids, [rootKey.keyid]);
    assert.deepEqual(delegationOf(explicit, "p")?.role.keyids, [a.keyid]);
    assert.deepEqual(delegationOf(succinct, "bins-f")?.role.keyids, [b.keyid]);
  });
  test("finds nothing else", () => {
    assert.equal(delegationOf(root, "p"), undefined);
    assert.equal(delegationOf(root, "toString"), undefined);
    for (const name of ["q", "toString", "targets"]) assert.equal(delegationOf(explicit, name), undefined);
    for (const name of ["bins-10", "bins-F", "bins", "p"]) assert.equal(delegationOf(succinct, name), undefined);
    assert.equal(delegationOf({ ...common("targets", 1), targets: {} } as unknown as Targets, "p"), undefined);
  });
});
