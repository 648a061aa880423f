// Whether a role's file is the one that snapshot names.

import { hashHex, isHashAlgorithm } from "../tuf/crypto.ts";
import type { FileMeta } from "../tuf/documents.ts";
import { TufError } from "../tuf/errors.ts";
import { CLIENT_LIMITS } from "../tuf/trusted-set.ts";

/** @throws TufError `targets-length` | `targets-hash` */
export function requireStated(role: string, stated: FileMeta, bytes: Buffer): void {
  if (stated.length === undefined ? bytes.length > CLIENT_LIMITS.targetsBytes : bytes.length !== stated.length) throw new TufError("targets-length", `${role} has ${String(bytes.length)} bytes`);
  for (const [algorithm, hex] of Object.entries(stated.hashes ?? {})) {
    if (isHashAlgorithm(algorithm) && hashHex(algorithm, bytes) !== hex.toLowerCase()) throw new TufError("targets-hash", `${role} has another ${algorithm} than is stated`);
  }
}
