// What a root changes against the one before it, in sentences for people.

import type { Root } from "../tuf/documents.ts";
import { own } from "../lib/own.ts";
import { samePublicKey } from "../tuf/keys.ts";
import { keyWords } from "./key-words.ts";

const ROLES = ["root", "timestamp", "snapshot", "targets"] as const;

/** One sentence for each; in the order root, timestamp, snapshot, targets, then what is not of a role. `before` undefined: the first root. */
export function rootChanges(before: Root | undefined, after: Root): readonly string[] {
  const changes: string[] = [];
  if (before === undefined) changes.push("the first root");
  for (const name of ROLES) {
    const is = after.roles[name];
    const was = before?.roles[name];
    for (const keyid of is.keyids) if (was?.keyids.includes(keyid) !== true) changes.push(`${name}: key ${keyWords(keyid, own(after.keys, keyid))} added`);
    for (const keyid of was?.keyids ?? []) if (!is.keyids.includes(keyid)) changes.push(`${name}: key ${keyWords(keyid, own(before?.keys, keyid))} removed`);
    if (was === undefined) changes.push(`${name}: threshold ${String(is.threshold)} of ${String(is.keyids.length)}`);
    else if (was.threshold !== is.threshold) changes.push(`${name}: threshold from ${String(was.threshold)} to ${String(is.threshold)}`);
  }
  for (const [keyid, key] of Object.entries(after.keys)) {
    const was = own(before?.keys, keyid);
    if (was !== undefined && !samePublicKey(was, key)) changes.push(`keyid ${keyid} names another public key than before`);
  }
  if (before?.expires !== after.expires) changes.push(before === undefined ? `expires ${after.expires}` : `expires ${after.expires} instead of ${before.expires}`);
  if (before !== undefined && before.consistent_snapshot !== after.consistent_snapshot) changes.push(`consistent_snapshot is ${String(after.consistent_snapshot)} instead of ${String(before.consistent_snapshot)}`);
  if (before !== undefined && changes.length === 0) changes.push("nothing but the version");
  return changes;
}
