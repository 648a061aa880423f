// A repository as the Python implementation leaves it: all bins of one version, then some
// pressed alone; snapshot and timestamp state versions and nothing else; numbers per role.

import { createPrivateKey, createHash, sign } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generateKeyPair } from "../../src/drivers/signer/file/generate.ts";
import { composeRoot } from "../../src/roles/root.ts";
import { binOf } from "../../src/tuf/bins.ts";
import { canonicalize, envelopeBytes } from "../../src/tuf/canonical.ts";
import type { Json, Key } from "../../src/tuf/documents.ts";
import { keyFileName, keyidOf } from "../../src/tuf/keys.ts";

export interface PythonRepository {
  readonly metadata: string;
  readonly keys: string;
  readonly files: string;
  /** Versions of timestamp and snapshot. */
  readonly version: number;
}

const BITS = 2;
const EXPIRES = "2036-01-01T00:00:00Z";

/** `artifacts`: their paths; each file holds its path. */
export function makePythonRepository(folder: string, artifacts: readonly string[]): PythonRepository {
  const [metadata, keys, files] = ["metadata", "keys", "files"].map((name) => join(folder, name)) as [string, string, string];
  for (const each of [metadata, files]) mkdirSync(each, { recursive: true });
  mkdirSync(keys, { recursive: true, mode: 0o700 });
  const [rootPair, onlinePair] = [generateKeyPair("ed25519"), generateKeyPair("ed25519")];
  const uri = `fn:${keyFileName(onlinePair.key)}`;
  const online: Key = { ...onlinePair.key, "x-rstuf-online-key-uri": uri };
  const onlineId = keyidOf(online);
  writeFileSync(join(keys, uri.slice(3)), onlinePair.privatePem(), { mode: 0o600 });

  const put = (name: string, signed: unknown, keyid: string, pem: string): void => {
    const canonical = canonicalize(signed as Json);
    writeFileSync(join(metadata, name), envelopeBytes(canonical, [{ keyid, sig: sign(null, canonical, createPrivateKey(pem)).toString("hex") }]));
  };
  const byOnline = (name: string, signed: unknown): void => { put(name, signed, onlineId, onlinePair.privatePem()); };

  const rootId = keyidOf(rootPair.key);
  put("1.root.json", composeRoot({ version: 1, expires: EXPIRES, root: { keys: { [rootId]: rootPair.key }, threshold: 1 }, online: { keyid: onlineId, key: online } }), rootId, rootPair.privatePem());
  const common = { expires: EXPIRES, spec_version: "1.0.31" };
  byOnline("1.targets.json", {
    _type: "targets", ...common, version: 1, targets: {},
    delegations: { keys: { [onlineId]: online }, succinct_roles: { bit_length: BITS, keyids: [onlineId], name_prefix: "bins", threshold: 1 } },
  });
  const meta: Record<string, { version: number }> = { "targets.json": { version: 1 } };
  for (let bin = 0; bin < 2 ** BITS; bin++) {
    const name = `bins-${bin.toString(16)}`;
    const own = artifacts.filter((path) => binOf("bins", BITS, path) === name);
    const version = own.length === 0 ? 1 : 2;
    const targets = Object.fromEntries(own.map((path) => [path, { length: path.length, hashes: { sha256: createHash("sha256").update(path).digest("hex") } }]));
    for (const path of own) writeFileSync(join(files, path), path);
    byOnline(`${String(version)}.${name}.json`, { _type: "targets", ...common, version, targets });
    meta[`${name}.json`] = { version };
  }
  const version = 40;
  byOnline(`${String(version)}.snapshot.json`, { _type: "snapshot", ...common, version, meta });
  byOnline("timestamp.json", { _type: "timestamp", ...common, version, meta: { "snapshot.json": { version } } });
  return { metadata, keys, files, version };
}
