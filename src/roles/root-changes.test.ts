import assert from "node:assert/strict";
import { test } from "node:test";
import type { Key, Root } from "../tuf/documents.ts";
import { keyNameOf } from "./key-words.ts";
import { rootChanges } from "./root-changes.ts";

const key = (digit: string, name?: string): Key => ({ keytype: "ed25519", scheme: "ed25519", keyval: { public: digit.repeat(64) }, ...(name === undefined ? {} : { "x-rstuf-key-name": name }) });
const online = { keyids: ["online"], threshold: 1 };
const first: Root = {
  _type: "root", spec_version: "1.0.31", version: 1, expires: "2027-01-01T00:00:00Z", consistent_snapshot: true,
  keys: { online: key("0"), a: key("a", "Alice"), b: key("b", "Bob") },
  roles: { root: { keyids: ["a", "b"], threshold: 2 }, timestamp: online, snapshot: online, targets: online },
};

test("says who comes, who goes, and what else is another", () => {
  const next: Root = {
    ...first, version: 2, expires: "2028-01-01T00:00:00Z",
    keys: { online: key("1"), a: key("a", "Alice"), c0ffee0123456789: key("c") },
    roles: { ...first.roles, root: { keyids: ["a", "c0ffee0123456789"], threshold: 1 } },
  };
  assert.deepEqual(rootChanges(first, next), [
    "root: key without a name (ed25519, c0ffee0123456789) added",
    "root: key Bob (ed25519, b) removed",
    "root: threshold from 2 to 1",
    "keyid online names another public key than before",
    "expires 2028-01-01T00:00:00Z instead of 2027-01-01T00:00:00Z",
  ]);
});

test("says so when nothing changes, and what the first root is", () => {
  assert.deepEqual(rootChanges(first, { ...first, version: 2 }), ["nothing but the version"]);
  assert.deepEqual(rootChanges(undefined, first).slice(0, 4), ["the first root", "root: key Alice (ed25519, a) added", "root: key Bob (ed25519, b) added", "root: threshold 2 of 2"]);
});

test("a key's name that would move a terminal's cursor does not", () => {
  assert.equal(keyNameOf(key("a", "a\u001b[2Jb\n\u202ec")), "a [2Jb  c");
});
