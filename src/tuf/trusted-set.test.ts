import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { sha256Hex } from "./crypto.ts";
import { TufError } from "./errors.ts";
import type { TufErrorCode } from "./errors.ts";
import { parseExpires } from "./parse.ts";
import { TrustedSet } from "./trusted-set.ts";
import { EXPIRES, common, fileMeta, goldenFiles, onlineKey, otherRootKey, rootDocument, rootKey, sealed, testKey } from "../../test/golden/repository.ts";
import type { TestKey } from "../../test/golden/repository.ts";

const NOW = parseExpires(EXPIRES) - 3_600_000;
const PAST = "2020-01-01T00:00:00Z";
const attacker = testKey("attacker");

const root = (version: number, keys: TestKey[], threshold: number, by: TestKey[], online = onlineKey, extra: object = {}): Buffer =>
  sealed({ ...rootDocument(version, keys, threshold, online), ...extra }, ...by);
const targets = (version: number, extra: object = {}, by = onlineKey): Buffer =>
  sealed({ ...common("targets", version), targets: {}, ...extra }, by);
const snapshot = (version: number, meta: Record<string, object>, extra: object = {}, by = onlineKey): Buffer =>
  sealed({ ...common("snapshot", version), meta, ...extra }, by);
const timestamp = (version: number, meta: object, extra: object = {}, by = onlineKey): Buffer =>
  sealed({ ...common("timestamp", version), meta: { "snapshot.json": meta }, ...extra }, by);

const root1 = root(1, [rootKey], 1, [rootKey]);
const delegations = { keys: { [onlineKey.keyid]: onlineKey.key }, succinct_roles: { keyids: [onlineKey.keyid], threshold: 1, bit_length: 1, name_prefix: "bins" } };
const targets2 = targets(2, { delegations });
const bin3 = targets(3);
const snapshot4 = snapshot(4, { "targets.json": fileMeta(2, targets2), "bins-0.json": { version: 3 }, "bins-1.json": { version: 1 } });
const timestamp5 = timestamp(5, fileMeta(4, snapshot4));

const start = (now = NOW, bytes = root1): TrustedSet => new TrustedSet(bytes, { now });
/** A set that has read everything up to and with the snapshot. */
function ready(): TrustedSet {
  const set = start();
  set.updateTimestamp(timestamp5);
  set.updateSnapshot(snapshot4);
  return set;
}

function refuses(code: TufErrorCode, run: () => unknown): void {
  assert.throws(run, (error: unknown) => error instanceof TufError && (assert.equal(error.code, code, error.message), true));
}

describe("TrustedSet", () => {
  test("walks from root to a bin", () => {
    const set = ready();
    set.updateTargets(targets2, "targets", "root");
    set.updateTargets(bin3, "bins-0", "targets");
    assert.equal(set.root.signed.version, 1);
    assert.equal(set.timestamp?.signed.version, 5);
    assert.equal(set.snapshot?.signed.version, 4);
    assert.equal(set.targets()?.signed.version, 2);
    assert.equal(set.targets("bins-0")?.signed.version, 3);
    assert.equal(set.targets("bins-1"), undefined);
  });

  const recorded = (name: string): Record<string, string> => (JSON.parse(readFileSync(new URL(`vectors/${name}`, import.meta.url), "utf8")) as { files: Record<string, string> }).files;
  test("walks a repository that python-tuf wrote: three schemes, two roots, a delegation, unknown members", () => {
    const files = recorded("python-tuf.json");
    const at = (name: string): Buffer => Buffer.from(files[name] as string);
    const set = start(NOW, at("1.root.json"));
    set.updateRoot(at("2.root.json"));
    set.updateTimestamp(at("timestamp.json"));
    set.updateSnapshot(at("1.snapshot.json"));
    set.updateTargets(at("1.targets.json"), "targets", "root");
    set.updateTargets(at("1.project.json"), "project", "targets");
    assert.deepEqual(Object.keys(set.targets("project")?.signed.targets ?? {}), ["project/x"]);
  });
  test("walks a repository that go-tuf wrote, its bins too", () => {
    const files = recorded("go-tuf.json");
    const at = (name: string): Buffer => Buffer.from(files[name] as string);
    const set = start(NOW, at("1.root.json"));
    set.updateTimestamp(at("timestamp.json"));
    set.updateSnapshot(at("1.snapshot.json"));
    set.updateTargets(at("1.targets.json"), "targets", "root");
    for (const bin of ["bins-0", "bins-1", "bins-2", "bins-3"]) set.updateTargets(at(`1.${bin}.json`), bin, "targets");
  });
  test("walks what the Python implementation published (API 1.0.1, worker 1.0.2)", () => {
    const at = (name: string): Buffer => readFileSync(new URL(`vectors/rstuf-1.0/${name}`, import.meta.url));
    const set = start(parseExpires("2026-11-23T00:00:00Z"), at("1.root.json"));
    set.updateTimestamp(at("timestamp.json"));
    set.updateSnapshot(at("1.snapshot.json"));
    set.updateTargets(at("1.targets.json"), "targets", "root");
    for (const bin of ["bins-0", "bins-1"]) set.updateTargets(at(`1.${bin}.json`), bin, "targets");
  });
});

describe("root", () => {
  const both = [rootKey, otherRootKey];
  test("starts only from one signed by its own keys", () => {
    refuses("threshold", () => start(NOW, root(1, [rootKey], 1, [attacker])));
    refuses("threshold", () => start(NOW, root(1, both, 2, [rootKey])));
    refuses("document-type", () => start(NOW, timestamp5));
  });
  test("starts from an expired one, goes on through expired ones, and stops at an expired last one", () => {
    const set = start(NOW, root(1, [rootKey], 1, [rootKey], onlineKey, { expires: PAST }));
    set.updateRoot(root(2, [rootKey], 1, [rootKey], onlineKey, { expires: PAST }));
    refuses("root-expired", () => set.updateTimestamp(timestamp5));
    set.updateRoot(root(3, [rootKey], 1, [rootKey]));
    set.updateTimestamp(timestamp5);
  });
  test("goes up by one only: no rollback, no repetition, no leap", () => {
    const set = start();
    for (const version of [1, 3]) refuses("root-version", () => set.updateRoot(root(version, [rootKey], 1, [rootKey])));
    set.updateRoot(root(2, [rootKey], 1, [rootKey]));
    refuses("root-version", () => set.updateRoot(root1));
    assert.equal(set.root.signed.version, 2);
  });
  test("refuses a new root signed by its new keys alone", () => {
    refuses("threshold", () => start().updateRoot(root(2, [attacker], 1, [attacker])));
  });
  test("refuses a new root signed by the old keys alone", () => {
    refuses("threshold", () => start().updateRoot(root(2, [otherRootKey], 1, [rootKey])));
  });
  test("takes a rotation signed by old and new", () => {
    const set = start();
    set.updateRoot(root(2, [otherRootKey], 1, both));
    refuses("threshold", () => set.updateRoot(root(3, [otherRootKey], 1, [rootKey])));
    set.updateRoot(root(3, [otherRootKey], 1, [otherRootKey]));
  });
  test("holds to the old threshold where the new one is lower, and to the new where it is higher", () => {
    refuses("threshold", () => start(NOW, root(1, both, 2, both)).updateRoot(root(2, both, 1, [rootKey])));
    refuses("threshold", () => start().updateRoot(root(2, both, 2, [rootKey])));
  });
  test("refuses a second keyid for the same key towards the threshold", () => {
    const twin: TestKey = { ...rootKey, keyid: "twin" };
    refuses("threshold", () => start(NOW, root(1, [rootKey, twin], 2, [rootKey, twin])));
  });
  test("changes only before the timestamp", () => {
    const set = start();
    set.updateTimestamp(timestamp5);
    refuses("trusted-set-order", () => set.updateRoot(root(2, [rootKey], 1, [rootKey])));
  });
  test("recovers from a fast-forward: a stored timestamp of rotated keys counts no more", () => {
    const fresh = testKey("fresh online");
    const set = start();
    set.updateRoot(root(2, [rootKey], 1, [rootKey], fresh));
    refuses("threshold", () => set.updateTimestamp(timestamp(1_000_000, { version: 1_000_000 })));
    set.updateTimestamp(timestamp(1, { version: 1 }, {}, fresh));
  });
});

describe("timestamp", () => {
  test("forged: signed by another key", () => { refuses("threshold", () => start().updateTimestamp(timestamp(6, { version: 4 }, {}, attacker))); });
  test("rollback: a lower version than is known", () => {
    const set = start();
    set.updateTimestamp(timestamp5);
    refuses("timestamp-rollback", () => set.updateTimestamp(timestamp(4, fileMeta(4, snapshot4))));
    assert.equal(set.timestamp?.signed.version, 5);
  });
  test("equal version with other content: nothing new, the known one stays", () => {
    const set = start();
    set.updateTimestamp(timestamp5);
    refuses("timestamp-equal", () => set.updateTimestamp(timestamp(5, { version: 9 })));
    assert.ok(set.timestamp?.bytes.equals(timestamp5));
  });
  test("rollback of the snapshot it names", () => {
    const set = start();
    set.updateTimestamp(timestamp5);
    refuses("snapshot-rollback", () => set.updateTimestamp(timestamp(6, { version: 3 })));
  });
  test("freeze: an expired one is refused, and still counts against rollback", () => {
    const set = start();
    const expired = timestamp(5, { version: 4 }, { expires: PAST });
    refuses("timestamp-expired", () => set.updateTimestamp(expired));
    assert.ok(set.timestamp?.bytes.equals(expired));
    refuses("timestamp-expired", () => set.updateSnapshot(snapshot4));
    refuses("timestamp-rollback", () => set.updateTimestamp(timestamp(4, { version: 4 })));
    refuses("snapshot-rollback", () => set.updateTimestamp(timestamp(6, { version: 3 })));
    set.updateTimestamp(timestamp(6, fileMeta(4, snapshot4)));
    set.updateSnapshot(snapshot4);
  });
  test("expires at its second, not after it", () => {
    const at = parseExpires(EXPIRES);
    refuses("root-expired", () => start(at).updateTimestamp(timestamp5));
    const set = start(at, root(1, [rootKey], 1, [rootKey], onlineKey, { expires: "2040-01-01T00:00:00Z" }));
    refuses("timestamp-expired", () => set.updateTimestamp(timestamp5));
    start(at - 1).updateTimestamp(timestamp5);
  });
  test("another role's document, well signed by the same key", () => { refuses("document-type", () => start().updateTimestamp(snapshot4)); });
  test("does not change after the snapshot", () => { refuses("trusted-set-order", () => ready().updateTimestamp(timestamp(6, fileMeta(4, snapshot4)))); });
});

describe("snapshot", () => {
  const withTimestamp = (bytes: Buffer): TrustedSet => {
    const set = start();
    set.updateTimestamp(bytes);
    return set;
  };
  test("comes after the timestamp, and only before targets", () => {
    refuses("trusted-set-order", () => start().updateSnapshot(snapshot4));
    const set = ready();
    set.updateTargets(targets2, "targets", "root");
    refuses("trusted-set-order", () => set.updateSnapshot(snapshot4));
  });
  test("forged: signed by another key, where the timestamp states no hash", () => {
    refuses("threshold", () => withTimestamp(timestamp(5, { version: 4 })).updateSnapshot(snapshot(4, {}, {}, attacker)));
  });
  test("endless: longer than stated, refused before it is read", () => {
    refuses("snapshot-length", () => withTimestamp(timestamp5).updateSnapshot(Buffer.concat([snapshot4, Buffer.from(" ")])));
  });
  test("mix and match: another file of the stated length", () => {
    const other = Buffer.from(snapshot4);
    other[other.length - 1] = 0x20;
    refuses("snapshot-hash", () => withTimestamp(timestamp5).updateSnapshot(other));
  });
  test("described by hashes nobody can compute", () => {
    refuses("snapshot-hash", () => withTimestamp(timestamp(5, { version: 4, hashes: { md6: "00" } })).updateSnapshot(snapshot4));
  });
  test("every stated hash is compared, not the first alone", () => {
    const hashes = { sha256: sha256Hex(snapshot4), sha512: "00".repeat(64) };
    refuses("snapshot-hash", () => withTimestamp(timestamp(5, { version: 4, hashes })).updateSnapshot(snapshot4));
  });
  test("mix and match: another version than the timestamp names, kept as intermediate", () => {
    const set = withTimestamp(timestamp(5, { version: 5 }));
    refuses("snapshot-version", () => set.updateSnapshot(snapshot4));
    assert.ok(set.snapshot?.bytes.equals(snapshot4));
    refuses("snapshot-version", () => set.updateTargets(targets2, "targets", "root"));
    set.updateSnapshot(snapshot(5, { "targets.json": { version: 2 }, "bins-0.json": { version: 3 }, "bins-1.json": { version: 1 } }));
  });
  test("a stored one is read against a newer timestamp's hashes only when it is trusted", () => {
    const next = snapshot(6, { "targets.json": { version: 3 }, "bins-0.json": { version: 3 }, "bins-1.json": { version: 1 } });
    const set = withTimestamp(timestamp(6, fileMeta(6, next)));
    refuses("snapshot-length", () => set.updateSnapshot(snapshot4.subarray(1)));
    refuses("snapshot-version", () => set.updateSnapshot(snapshot4, { trusted: true }));
    set.updateSnapshot(next);
  });
  test("rollback of one role, though the snapshot's own version rises", () => {
    const set = withTimestamp(timestamp(6, { version: 6 }));
    refuses("snapshot-version", () => set.updateSnapshot(snapshot4, { trusted: true }));
    refuses("snapshot-rollback", () => set.updateSnapshot(snapshot(6, { "targets.json": { version: 1 }, "bins-0.json": { version: 3 }, "bins-1.json": { version: 1 } })));
  });
  test("a role vanished", () => {
    const set = withTimestamp(timestamp(6, { version: 6 }));
    refuses("snapshot-version", () => set.updateSnapshot(snapshot4, { trusted: true }));
    refuses("snapshot-role-vanished", () => set.updateSnapshot(snapshot(6, { "targets.json": { version: 2 }, "bins-0.json": { version: 3 } })));
    assert.ok(set.snapshot?.bytes.equals(snapshot4));
  });
  test("freeze: an expired one is refused, kept as intermediate, and leads to no targets", () => {
    const expired = snapshot(4, { "targets.json": { version: 2 } }, { expires: PAST });
    const set = withTimestamp(timestamp(5, { version: 4 }));
    refuses("snapshot-expired", () => set.updateSnapshot(expired));
    assert.ok(set.snapshot?.bytes.equals(expired));
    refuses("snapshot-expired", () => set.updateTargets(targets2, "targets", "root"));
  });
});

describe("targets", () => {
  const leading = (meta: Record<string, object>): TrustedSet => {
    const bytes = snapshot(4, meta);
    const set = start();
    set.updateTimestamp(timestamp(5, fileMeta(4, bytes)));
    set.updateSnapshot(bytes);
    return set;
  };
  test("come after the snapshot, delegated ones after their delegator", () => {
    refuses("trusted-set-order", () => start().updateTargets(targets2, "targets", "root"));
    refuses("trusted-set-order", () => ready().updateTargets(bin3, "bins-0", "targets"));
  });
  test("endless: longer than the snapshot states", () => { refuses("targets-length", () => ready().updateTargets(Buffer.concat([targets2, Buffer.from(" ")]), "targets", "root")); });
  test("arbitrary content of the stated length", () => { refuses("targets-hash", () => ready().updateTargets(Buffer.alloc(targets2.length, 0x20), "targets", "root")); });
  test("forged: signed by another key", () => { refuses("threshold", () => leading({ "targets.json": { version: 2 } }).updateTargets(targets(2, {}, attacker), "targets", "root")); });
  test("mix and match: another version than the snapshot lists, older or newer", () => {
    for (const version of [1, 3]) refuses("targets-version", () => leading({ "targets.json": { version: 2 } }).updateTargets(targets(version), "targets", "root"));
  });
  test("freeze: an expired one", () => {
    const set = leading({ "targets.json": { version: 2 } });
    refuses("targets-expired", () => set.updateTargets(targets(2, { expires: PAST }), "targets", "root"));
    assert.equal(set.targets(), undefined);
  });
  test("a role the snapshot does not list, one named like an inherited member too", () => {
    refuses("targets-not-in-snapshot", () => leading({}).updateTargets(targets2, "targets", "root"));
    const set = leading({ "targets.json": { version: 2 } });
    set.updateTargets(targets2, "targets", "root");
    refuses("targets-not-in-snapshot", () => set.updateTargets(bin3, "bins-0", "targets"));
  });
  test("a role nobody delegated to", () => {
    const set = leading({ "targets.json": { version: 2 }, "other.json": { version: 3 }, "snapshot.json": { version: 4 } });
    set.updateTargets(targets2, "targets", "root");
    refuses("unknown-role", () => set.updateTargets(bin3, "other", "targets"));
    refuses("unknown-role", () => set.updateTargets(bin3, "other", "root"));
    refuses("unknown-role", () => set.updateTargets(snapshot4, "snapshot", "root"));
  });
  test("another bin's file in its place is refused by its version, where versions are unique", () => {
    const set = ready();
    set.updateTargets(targets2, "targets", "root");
    refuses("targets-version", () => set.updateTargets(bin3, "bins-1", "targets"));
  });
});

describe("tampering", () => {
  const files = goldenFiles();
  const at = (name: string): Buffer => files.get(name) as Buffer;
  const order = ["1.root.json", "2.root.json", "timestamp.json", "7.snapshot.json", "5.targets.json", "3.bins-0.json"] as const;
  function walk(changed: ReadonlyMap<string, Buffer>): void {
    const bytes = (name: string): Buffer => changed.get(name) ?? at(name);
    const set = start(NOW, bytes("1.root.json"));
    set.updateRoot(bytes("2.root.json"));
    set.updateTimestamp(bytes("timestamp.json"));
    set.updateSnapshot(bytes("7.snapshot.json"));
    set.updateTargets(bytes("5.targets.json"), "targets", "root");
    set.updateTargets(bytes("3.bins-0.json"), "bins-0", "targets");
  }
  test("the files as they are pass", () => { walk(new Map()); });

  test("property: any flipped bit of what is signed is refused, and of what is not it changes nothing", () => {
    fc.assert(fc.property(fc.constantFrom(...order), fc.nat(), fc.nat(7), (name, position, bit) => {
      const bytes = Buffer.from(at(name));
      const place = position % bytes.length;
      bytes[place] = (bytes[place] as number) ^ (1 << bit);
      try {
        walk(new Map([[name, bytes]]));
      } catch (error) {
        assert.ok(error instanceof TufError, String(error));
        return;
      }
      // Accepted: then it says what it said before, in other letters (hex digits of a signature in upper case).
      const read = JSON.parse(bytes.toString()) as { signed: unknown; signatures: { sig: string }[] };
      const before = JSON.parse(at(name).toString()) as typeof read;
      assert.deepEqual(read.signed, before.signed);
      assert.deepEqual(read.signatures.map(({ sig }) => sig.toLowerCase()), before.signatures.map(({ sig }) => sig));
    }), { numRuns: 800 });
  });

  test("property: a file cut short or run on is refused", () => {
    fc.assert(fc.property(fc.constantFrom(...order), fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 4 }), (name, cut, more) => {
      const bytes = at(name);
      assert.throws(() => { walk(new Map([[name, bytes.subarray(0, cut % bytes.length)]])); }, TufError);
      if (Buffer.from(more).toString("latin1").trim() !== "") assert.throws(() => { walk(new Map([[name, Buffer.concat([bytes, more])]])); }, TufError);
    }), { numRuns: 150 });
  });

  test("property: any file in another's place is refused", () => {
    fc.assert(fc.property(fc.constantFrom(...order), fc.constantFrom(...[...files.keys()].filter((name) => name !== "names.json")), (name, other) => {
      fc.pre(name !== other);
      // A later root, complete in itself, is one a client may start from; then the chain does not go on.
      assert.throws(() => { walk(new Map([[name, at(other)]])); }, TufError);
    }), { numRuns: 120 });
  });
});
