// A trial repository makes its own keys and bootstraps itself.
//
// The root key then lies on this disk, which is what no real repository may do; the words
// printed at start say so every time.

import { join } from "node:path";
import type { Config } from "../config/schema.ts";
import { createFileSigners } from "../drivers/signer/file/signers.ts";
import { ONLINE_URI } from "../roles/bootstrap.ts";
import { DEFAULT_DAYS, expiresAfter } from "../roles/policy.ts";
import { composeRoot } from "../roles/root.ts";
import { canonicalize } from "../tuf/canonical.ts";
import type { Envelope, Json, Key, Root } from "../tuf/documents.ts";
import { keyFileName, keyidOf } from "../tuf/keys.ts";
import { makeKey } from "./key-folder.ts";

const DAY_MS = 86_400_000;

/** A bootstrap request with keys made on the spot: body of POST /api/v1/bootstrap/. */
export async function trialBootstrap(config: Config, nowMs: number): Promise<{ readonly settings: unknown; readonly metadata: { readonly root: Envelope<Root> } }> {
  const root = named(await makeKey(config.keyDir).then((made) => made.key), "Trial root key");
  const made = await makeKey(config.keyDir);
  const online: Key = { ...named(made.key, "Trial online key"), [ONLINE_URI]: `fn:${keyFileName(made.key)}` };
  const signed = composeRoot({
    version: 1,
    expires: expiresAfter(nowMs, DEFAULT_DAYS.root * DAY_MS).text,
    root: { keys: { [keyidOf(root)]: root }, threshold: 1 },
    online: { keyid: keyidOf(online), key: online },
  });
  const signer = await createFileSigners({ keyDir: config.keyDir, allow: [], env: () => undefined }).open(`fn:${keyFileName(root)}`, root);
  const sig = await signer.sign(canonicalize(signed as unknown as Json));
  const expiration = (role: keyof typeof DEFAULT_DAYS): { expiration: number } => ({ expiration: DEFAULT_DAYS[role] });
  return {
    settings: {
      roles: {
        root: expiration("root"),
        targets: expiration("targets"),
        snapshot: expiration("snapshot"),
        timestamp: expiration("timestamp"),
        bins: { ...expiration("bins"), number_of_delegated_bins: config.trial.bins },
        delegations: null,
      },
    },
    metadata: { root: { signatures: [{ keyid: keyidOf(root), sig }], signed } },
  };
}

const named = (key: Key, name: string): Key => ({ ...key, "x-rstuf-key-name": name });

/** The file with the private half of the first root key, as trial mode put it there. */
export function rootKeyFile(config: Config, root: Root): string | undefined {
  const key = root.roles.root.keyids.map((keyid) => root.keys[keyid]).find((found) => found !== undefined);
  return key === undefined ? undefined : join(config.keyDir, keyFileName(key));
}
