// timestamp.json is a projection of the committed head (promise 3, rules 14, 17).
//
// Storage is read first, the database second, and the write is conditional on what was read.
// It replaces only bytes that this history committed before; the bytes written are always
// those of the newest head, never those in memory. Anything else in storage means that the
// histories parted: nothing is written. The same code runs after every commit, at start,
// after a take-over and on every tick; there is no second way to publish.

import type { CommittedHead } from "../ports/database.ts";
import { parseEnvelope, type ParsedEnvelope } from "../tuf/parse.ts";
import { sha256Hex } from "../tuf/crypto.ts";
import { verifyThreshold } from "../tuf/threshold.ts";
import { CLIENT_LIMITS } from "../tuf/trusted-set.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import type { LeaseHold } from "./lease-hold.ts";

export const TIMESTAMP = "timestamp.json";

/** A conflict means that somebody wrote in between; more often than this in a row it is a fault. */
const MAX_CONFLICTS = 10;

/**
 * Makes the committed head the visible one; does nothing when it already is.
 * @throws PublisherError `diverged` | `foreign`; StorageError; DatabaseError
 */
export async function project(deps: PublisherDeps, hold: LeaseHold): Promise<"visible" | "nothing-committed"> {
  const { database, storage, telemetry } = deps;
  for (let conflicts = 0; conflicts <= MAX_CONFLICTS; conflicts++) {
    const stored = await storage.read(TIMESTAMP, CLIENT_LIMITS.timestampBytes * 4);
    const head = await database.head();
    if (head === undefined) return "nothing-committed";
    const found = stored === undefined ? undefined : sha256Hex(stored.bytes);
    if (found === head.sha256) {
      await database.markVisible(hold.lease, head.seq);
      return "visible";
    }
    if (stored !== undefined && found !== undefined) await requireAncestor(deps, stored.bytes, found, head);
    else if ((await database.publisher()).visible > 0) telemetry.log.error({ seq: head.seq }, "timestamp.json was missing from storage; writing it again");
    hold.require();
    const outcome = await storage.replace(TIMESTAMP, head.timestamp, stored?.token ?? "absent", hold.mayAct);
    if (outcome === "conflict") hold.require();
  }
  throw new PublisherError("diverged", "timestamp.json kept changing while it was being replaced: does another service write to this storage?");
}

/** Returns only when the stored bytes may be replaced by our head. */
async function requireAncestor(deps: PublisherDeps, bytes: Buffer, sha256: string, head: CommittedHead): Promise<void> {
  const known = await deps.database.committed(sha256);
  if (known !== undefined && known.seq < head.seq) return;
  let stored: ParsedEnvelope<"timestamp">;
  try {
    stored = parseEnvelope(bytes, "timestamp");
  } catch (error) {
    // No client can have accepted bytes that are no timestamp, so putting ours there rolls nobody back.
    deps.telemetry.log.error({ error: String(error), seq: head.seq }, "timestamp.json was damaged in storage; writing it again");
    return;
  }
  const expires = stored.signed.expires;
  if (await isOurs(deps, stored)) {
    throw new PublisherError("diverged", `storage holds timestamp version ${String(stored.signed.version)}, which this database never committed (was it restored from a backup?). Clients keep it until ${expires}; nothing is written until this is reconciled: stop the service, then: rstuf admin recover --adopt`);
  }
  throw new PublisherError("foreign", `storage holds a timestamp that this repository's root does not verify: another repository publishes there. Nothing is written; clients see it until ${expires}`);
}

async function isOurs(deps: PublisherDeps, stored: ParsedEnvelope<"timestamp">): Promise<boolean> {
  const root = await deps.database.envelope("root");
  if (root === undefined) return false;
  const { signed } = parseEnvelope(root.bytes, "root");
  return verifyThreshold({ keys: signed.keys, role: signed.roles.timestamp }, stored).met;
}

/** Every committed root lies in storage, byte for byte (promise 8); root files are never burnt. */
export async function ensureRoots(deps: PublisherDeps, hold: LeaseHold): Promise<void> {
  const current = await deps.database.envelope("root");
  if (current === undefined) return;
  for (let version = 1; version <= current.version; version++) {
    const root = await deps.database.envelope("root", version);
    if (root === undefined) throw new Error(`the database lacks root version ${String(version)}`);
    hold.require();
    if ((await deps.storage.create(`${String(version)}.root.json`, root.bytes)) === "other") {
      throw new PublisherError("foreign", `storage holds another ${String(version)}.root.json than this repository's`);
    }
  }
}
