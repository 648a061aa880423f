import assert from "node:assert/strict";
import { test } from "node:test";
import type { DelegatedRole, Key, TargetFile, Targets } from "../tuf/documents.ts";
import { behindCatchAll } from "./catch-all.ts";
import { targetsChanges } from "./targets-changes.ts";

const HASH = "ab".repeat(32);
const file = (length: number, more: object = {}): TargetFile => ({ length, hashes: { sha256: HASH }, ...more });
const key = (digit: string, name: string): Key => ({ keytype: "ed25519", scheme: "ed25519", keyval: { public: digit.repeat(64) }, "x-rstuf-key-name": name });
const role = (name: string, more: Partial<DelegatedRole> = {}): DelegatedRole => ({ name, keyids: ["a", "b"], threshold: 2, terminating: true, paths: [`${name}/*`], ...more });
const before: Targets = { _type: "targets", spec_version: "1.0.31", version: 4, expires: "2027-01-01T00:00:00Z", targets: { a: file(1), b: file(2), c: file(3) } };

test("says which artifacts come, go and change, in order of path, with length and hashes", () => {
  const after: Targets = { ...before, version: 5, expires: "2028-01-01T00:00:00Z", targets: { b: file(2, { custom: { x: 1 } }), c: file(4), "\u{1F600}": file(5), "\uFFFD": file(6) } };
  const { words, artifacts } = targetsChanges(before, after, 10);
  assert.deepEqual(words, [
    `artifact a removed: 1 bytes, sha256 ${HASH}`,
    "artifact b: other custom metadata",
    `artifact c: 4 bytes, sha256 ${HASH} instead of 3 bytes, sha256 ${HASH}`,
    `artifact \uFFFD added: 6 bytes, sha256 ${HASH}`,
    `artifact \u{1F600} added: 5 bytes, sha256 ${HASH}`,
    "expires 2028-01-01T00:00:00Z instead of 2027-01-01T00:00:00Z",
  ]);
  assert.deepEqual(artifacts, { added: 2, removed: 1, changed: 2 });
});

test("counts what it does not name, and says so when nothing changes", () => {
  const { words } = targetsChanges(undefined, before, 1);
  assert.deepEqual(words, ["the first version", `artifact a added: 1 bytes, sha256 ${HASH}`, "and 2 artifacts more: 3 added, 0 removed, 0 changed in all", "expires 2027-01-01T00:00:00Z"]);
  assert.deepEqual(targetsChanges(before, { ...before, version: 5 }, 1).words, ["nothing but the version and when it expires", "expires 2027-01-01T00:00:00Z instead of 2027-01-01T00:00:00Z"]);
});

test("an artifact named like what every object has is one like others", () => {
  const odd = JSON.parse(`{"__proto__":{"length":1,"hashes":{"sha256":"${HASH}"}},"toString":{"length":1,"hashes":{"sha256":"${HASH}"}}}`) as Targets["targets"];
  assert.equal(targetsChanges({ ...before, targets: {} }, { ...before, targets: odd }, 10).artifacts.added, 2);
});

test("says what it delegates otherwise: roles, keys, thresholds, paths, order, bins", () => {
  const keys = { a: key("a", "Ann"), b: key("b", "Bob"), c: key("c", "Cem") };
  const was: Targets = { ...before, delegations: { keys, roles: [role("x"), role("y"), role("z")] } };
  const now: Targets = { ...before, delegations: { keys: { ...keys, b: key("d", "Bob") }, roles: [role("y", { keyids: ["a", "b", "c"], threshold: 3, paths: ["y/*", "yy/*"] }), role("x", { terminating: false }), role("w", { threshold: 1, keyids: ["c"] })] } };
  assert.deepEqual(targetsChanges(was, now, 10).words.slice(0, -1), [
    "role y: path yy/* added",
    "role y: key Cem (ed25519, c) added",
    "role y: threshold from 2 to 3",
    "role x: the search goes on behind it",
    "role w added: paths w/*",
    "role w: key Cem (ed25519, c) added",
    "role w: threshold 1 of 1",
    "role z removed: paths z/*",
    "roles are searched in the order y, x, before it was x, y",
    "keyid b names another public key than before",
  ]);
  const bins = (bit_length: number): Targets => ({ ...before, delegations: { keys: { a: keys.a }, succinct_roles: { keyids: ["a"], threshold: 1, bit_length, name_prefix: "pool-bins" } } });
  assert.deepEqual(targetsChanges(before, bins(3), 10).words.slice(0, -1), ["bins pool-bins-* added: 8 of them", "bins pool-bins-*: key Ann (ed25519, a) added", "bins pool-bins-*: threshold 1 of 1"]);
  assert.deepEqual(targetsChanges(bins(3), bins(4), 10).words.slice(0, -1), ["bins pool-bins-*: 16 instead of 8"]);
  assert.deepEqual(targetsChanges(bins(3), before, 10).words.slice(0, -1), ["bins pool-bins-* removed"]);
  const opened: Targets = { ...before, delegations: behindCatchAll(bins(3).delegations!).top };
  assert.deepEqual(targetsChanges(bins(3), opened, 10).words.slice(0, -1), [
    "role catch-all added: all paths of at most 16 segments that no role before it takes", "role catch-all: key Ann (ed25519, a) added", "role catch-all: threshold 1 of 1",
    "bins pool-bins-*: role catch-all takes their paths from now on",
  ]);
  const [carrier] = opened.delegations?.roles ?? [];
  const other: Targets = { ...before, delegations: { keys: { a: keys.a }, roles: [{ ...carrier!, paths: ["*", "secret/*"] }] } };
  assert.equal(targetsChanges(before, other, 10).words[0], "role catch-all added: paths * secret/*");
});
