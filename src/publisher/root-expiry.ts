// Root near its end: the next version, with the same keys and thresholds and a new life, begins to wait for its signers by
// itself (design promise 6: nothing expires by neglect).
//
// It begins only where nothing else about root is under way, and gives way to a root that somebody asks for. Its number is
// N+1, as of every root (rule 4), and it is published as every root without new keys is (rule 20).

import { DatabaseError, type SigningEvent } from "../ports/database.ts";
import { RoleError } from "../roles/errors.ts";
import { expiresAfter, signingWindowsOf } from "../roles/policy.ts";
import { signingLeftMs } from "../roles/refresh.ts";
import { checkNextRoot } from "../roles/root-update.ts";
import { peopleSignTargets } from "../roles/root-rules.ts";
import { canonicalize, envelopeBytes } from "../tuf/canonical.ts";
import type { Json } from "../tuf/documents.ts";
import { parseExpires } from "../tuf/parse.ts";
import type { PublisherDeps } from "./deps.ts";
import type { Head } from "./head.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { requireLastRoot } from "./lost-roots.ts";

/** Begins it if it is time, and nothing about root is under way. Answers whether it did. */
export async function beginRoot(deps: PublisherDeps, hold: LeaseHold, head: Head, events: readonly SigningEvent[]): Promise<boolean> {
  const { clock, database, policy, random, telemetry } = deps;
  if (head.rotation !== undefined || events.some(({ kind, state }) => kind === "root" && state !== "cancelled")) return false;
  const now = clock.now();
  const left = signingLeftMs({ role: "root", lifetimeMs: head.expiry.root }, policy.refresh, { ...policy.signingWindows, own: signingWindowsOf(await database.settings()) });
  if (left === 0 || parseExpires(head.root.expires) - left > now) return false;
  await requireLastRoot(deps, head);
  const version = head.root.version + 1;
  const signed = { ...head.root, version, expires: expiresAfter(now, head.expiry.root).text };
  const document = envelopeBytes(canonicalize(signed as unknown as Json), []);
  try {
    checkNextRoot(head.root, document, { now, allowUnportable: policy.allowUnportableKeys, offlineTargets: peopleSignTargets(head.root) });
    await database.endTasks(hold.lease, [], undefined, [{ start: { id: random.hex(16), role: "root", kind: "root", version, document, signatures: [], task: "", startedMs: now } }]);
  } catch (error) {
    // Somebody asked for one in this moment.
    if (error instanceof DatabaseError && error.code === "event-exists") return false;
    if (!(error instanceof RoleError)) throw error;
    telemetry.log.error({ role: "root", version: head.root.version, expires: head.root.expires, reason: error.message }, "root nears its end, and its next version can't have the same keys: make one by hand");
    return false;
  }
  telemetry.log.warn({ role: "root", version, expires: head.root.expires }, "root nears its end: its next version waits for signatures");
  return true;
}
