// The repository behind the golden files: every type of document, signed with fixed
// ed25519 keys, so that every byte is the same at every run.

import { createPrivateKey, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { binName, binNames, binOf, hashPrefixesOf } from "../../src/tuf/bins.ts";
import { canonicalize, envelopeBytes } from "../../src/tuf/canonical.ts";
import { sha256Hex } from "../../src/tuf/crypto.ts";
import type { Json, Key, Signature } from "../../src/tuf/documents.ts";
import { keyFileName, keyidOf, publicKeyOf } from "../../src/tuf/keys.ts";
import { SPEC_VERSION } from "../../src/tuf/parse.ts";

export interface TestKey {
  readonly key: Key;
  readonly keyid: string;
  readonly private: KeyObject;
}

const ED25519_PKCS8 = "302e020100300506032b657004220420";

/** An ed25519 key whose seed is the sha256 of `name`; `extra` are further members of the key object. */
export function testKey(name: string, extra: { readonly [member: string]: Json } = {}): TestKey {
  const der = Buffer.from(ED25519_PKCS8 + sha256Hex(name), "hex");
  const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const key: Key = { ...publicKeyOf(privateKey.export({ format: "pem", type: "pkcs8" }).toString()), ...extra };
  return { key, keyid: keyidOf(key), private: privateKey };
}

export function signatureBy(by: TestKey, canonical: Uint8Array): Signature {
  return { keyid: by.keyid, sig: sign(null, canonical, by.private).toString("hex") };
}

/** `signed` in an envelope as it is stored. */
export function sealed(signed: object, ...by: readonly TestKey[]): Buffer {
  const canonical = canonicalize(signed as Json);
  return envelopeBytes(canonical, by.map((key) => signatureBy(key, canonical)));
}

export const EXPIRES = "2035-01-02T03:04:05Z";
export const rootKey = testKey("root", { "x-rstuf-key-name": "Jane\n😀" });
export const otherRootKey = testKey("other root");
export const onlineKey = testKey("online", { "x-rstuf-online-key-uri": "fn:online" });

export function common(type: string, version: number): { _type: string; spec_version: string; version: number; expires: string } {
  return { _type: type, spec_version: SPEC_VERSION, version, expires: EXPIRES };
}

export function rootDocument(version: number, rootKeys: readonly TestKey[], threshold: number, online: TestKey = onlineKey): object {
  const role = { keyids: [online.keyid], threshold: 1 };
  return {
    ...common("root", version),
    consistent_snapshot: true,
    keys: Object.fromEntries([...rootKeys, online].map(({ keyid, key }) => [keyid, key])),
    roles: { root: { keyids: rootKeys.map(({ keyid }) => keyid), threshold }, timestamp: role, snapshot: role, targets: role },
    "x-note": { kept: ["unknown members", { too: true }] },
  };
}

export function fileMeta(version: number, bytes: Buffer): object {
  return { version, length: bytes.length, hashes: { sha256: sha256Hex(bytes) } };
}

/** Golden file names and their bytes. */
export function goldenFiles(): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>();
  const onlineRole = { keyids: [onlineKey.keyid], threshold: 1 };
  const delegationKeys = { [onlineKey.keyid]: onlineKey.key };

  files.set("1.root.json", sealed(rootDocument(1, [rootKey], 1), rootKey));
  files.set("2.root.json", sealed(rootDocument(2, [rootKey, otherRootKey], 2), rootKey, otherRootKey));

  const hello = { length: 5, hashes: { sha256: sha256Hex("hello") } };
  const bins = {
    "bins-0": { "a/tab\u00e9.txt": hello, "z-\u{1f600}.bin": { ...hello, custom: { lines: "one\ntwo\t\u0001", quote: '"\\', n: 9007199254740991 } } },
    "bins-1": {},
  };
  for (const [version, [name, targets]] of Object.entries(bins).entries()) {
    files.set(`${version + 3}.${name}.json`, sealed({ ...common("targets", version + 3), targets }, onlineKey));
  }
  const succinct = { ...onlineRole, bit_length: 1, name_prefix: "bins" };
  const targets = sealed({ ...common("targets", 5), targets: {}, delegations: { keys: delegationKeys, succinct_roles: succinct } }, onlineKey);
  files.set("5.targets.json", targets);

  const roles = [
    { name: "project", keyids: [onlineKey.keyid], threshold: 1, terminating: true, paths: ["project/*", "?.txt"] },
    ...[...binNames("bins", 2)].map((name, i) => ({ name, ...onlineRole, terminating: false, path_hash_prefixes: hashPrefixesOf(2, i) })),
  ];
  files.set("6.classic.json", sealed({ ...common("targets", 6), targets: {}, delegations: { keys: delegationKeys, roles } }, onlineKey));

  const snapshot = sealed({
    ...common("snapshot", 7),
    meta: { "targets.json": fileMeta(5, targets), "bins-0.json": { version: 3 }, "bins-1.json": { version: 4 } },
  }, onlineKey);
  files.set("7.snapshot.json", snapshot);
  files.set("timestamp.json", sealed({ ...common("timestamp", 8), meta: { "snapshot.json": fileMeta(7, snapshot) } }, onlineKey));

  const paths = ["", "a", "dir/file.txt", "pkgs/\u00e9/\u{1f600}.tar.gz"];
  files.set("names.json", Buffer.from(`${JSON.stringify({
    keyids: [rootKey, otherRootKey, onlineKey].map(({ keyid, key }) => ({ keyid, keyFileName: keyFileName(key) })),
    bins: [1, 2, 3, 4, 5, 8, 9, 12, 13, 14, 31, 32].map((bits) => ({
      bitLength: bits,
      first: binName("bins", bits, 0),
      last: binName("bins", bits, 2 ** bits - 1),
      binOf: paths.map((path) => binOf("bins", bits, path)),
    })),
    hashPrefixes: { "of bin 5 of 8": hashPrefixesOf(3, 5), "of bin 5 of 32": hashPrefixesOf(5, 5), "of bin 5 of 16": hashPrefixesOf(4, 5) },
  }, null, 1)}\n`));
  return files;
}
