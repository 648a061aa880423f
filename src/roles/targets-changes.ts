// What a version of a targets role changes against the one in force, in sentences for people.

import { canonicalString, compareCodePoints } from "../tuf/canonical.ts";
import type { Delegations, Json, TargetFile, Targets } from "../tuf/documents.ts";
import { own } from "../lib/own.ts";
import { delegationChanges } from "./delegation-changes.ts";

/** The role as clients know it. */
export type TargetsBefore = Pick<Targets, "version" | "expires" | "targets"> & { readonly delegations?: Delegations };

export interface TargetsChanges {
  /** One sentence for each; of artifacts, in order of path, at most as many as were asked for, and then how many more there are. */
  readonly words: readonly string[];
  readonly artifacts: { readonly added: number; readonly removed: number; readonly changed: number };
}

/** `before` undefined: the first version. */
export function targetsChanges(before: TargetsBefore | undefined, after: Targets, named: number): TargetsChanges {
  const artifacts: string[] = [];
  const counts = { added: 0, removed: 0, changed: 0 };
  const was = before?.targets ?? {};
  const paths = [...Object.keys(after.targets), ...Object.keys(was).filter((path) => own(after.targets, path) === undefined)].sort(compareCodePoints);
  for (const path of paths) {
    const [old, now] = [own(was, path), own(after.targets, path)];
    if (old !== undefined && now !== undefined && sameTarget(old, now)) continue;
    counts[old === undefined ? "added" : now === undefined ? "removed" : "changed"] += 1;
    if (artifacts.length < named) artifacts.push(artifactChange(path, old, now));
  }
  const more = counts.added + counts.removed + counts.changed - artifacts.length;
  const words = [
    ...(before === undefined ? ["the first version"] : []),
    ...artifacts,
    ...(more > 0 ? [`and ${String(more)} artifacts more: ${String(counts.added)} added, ${String(counts.removed)} removed, ${String(counts.changed)} changed in all`] : []),
    ...delegationChanges(before?.delegations, after.delegations),
  ];
  if (before !== undefined && words.length === 0) words.push("nothing but the version and when it expires");
  words.push(before === undefined ? `expires ${after.expires}` : `expires ${after.expires} instead of ${before.expires}`);
  return { words, artifacts: counts };
}

const sameTarget = (one: TargetFile, other: TargetFile): boolean => canonicalString(one as unknown as Json) === canonicalString(other as unknown as Json);

function artifactChange(path: string, was: TargetFile | undefined, is: TargetFile | undefined): string {
  if (was === undefined || is === undefined) return `artifact ${path} ${is === undefined ? "removed" : "added"}: ${fileWords((is ?? was) as TargetFile)}`;
  const [before, now] = [fileWords(was), fileWords(is)];
  return `artifact ${path}: ${before === now ? "other custom metadata" : `${now} instead of ${before}`}`;
}

const fileWords = ({ length, hashes }: TargetFile): string => [`${String(length)} bytes`, ...Object.entries(hashes).map(([algorithm, hash]) => `${algorithm} ${hash}`)].join(", ");
