// What a root changes against the one before it, in sentences for people.

import type { Root } from "../tuf/documents.ts";
import { keyChanges, renamedKeys } from "./key-changes.ts";

const ROLES = ["root", "timestamp", "snapshot", "targets"] as const;

/** One sentence for each; in the order root, timestamp, snapshot, targets, then what is not of a role. `before` undefined: the first root. */
export function rootChanges(before: Root | undefined, after: Root): readonly string[] {
  const changes: string[] = [];
  if (before === undefined) changes.push("the first root");
  for (const name of ROLES) changes.push(...keyChanges(name, before === undefined ? undefined : { keys: before.keys, role: before.roles[name] }, { keys: after.keys, role: after.roles[name] }));
  changes.push(...renamedKeys(before?.keys ?? {}, after.keys));
  if (before?.expires !== after.expires) changes.push(before === undefined ? `expires ${after.expires}` : `expires ${after.expires} instead of ${before.expires}`);
  if (before !== undefined && before.consistent_snapshot !== after.consistent_snapshot) changes.push(`consistent_snapshot is ${String(after.consistent_snapshot)} instead of ${String(before.consistent_snapshot)}`);
  if (before !== undefined && changes.length === 0) changes.push("nothing but the version");
  return changes;
}
