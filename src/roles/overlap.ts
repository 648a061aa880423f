// How many roles a client may have to ask for one path.
//
// A search is pre-order: a role, those it delegates to, then the next role; it ends after a
// terminating one and what is below it. Two patterns that surely match no path in common are told
// apart by their segments: as many of them, and of each pair neither beginnings nor ends that
// differ. What can't be told apart counts as overlapping, so that the answer is never too low.

import { CATCH_ALL } from "./catch-all.ts";
import type { DelegationTree } from "./delegation.ts";

/** At most so many roles of `tree` are asked for any one path; targets is not counted, a bin is. */
export function longestWalk(tree: DelegationTree): number {
  const roles = inOrder(tree);
  let longest = 0;
  for (const [at, role] of roles.entries()) {
    // Whoever is asked before `role` about a path it takes: the roles above it, and of the others before it those that do not end the search.
    const before = roles.slice(0, at).filter((other) => role.above.has(other.name) || (!other.ends && (role.name === CATCH_ALL || mayShare(other, role))));
    // All of them may be asked about one path; nor is that more than the last of them and those before that one.
    role.walk = 1 + Math.min(before.length, Math.max(0, ...before.map(({ walk }) => walk)));
    longest = Math.max(longest, role.walk + (role.hasBins ? 1 : 0));
  }
  return Math.max(longest, tree.delegators.get("targets")?.bins === undefined ? 0 : 1 + Math.max(0, ...roles.filter(({ ends }) => !ends).map(({ walk }) => walk)));
}

interface Asked {
  readonly name: string;
  readonly patterns: readonly (readonly string[])[];
  readonly above: ReadonlySet<string>;
  /** Nobody after it and those below it is asked. */
  readonly ends: boolean;
  readonly hasBins: boolean;
  /** So many are asked, it the last. */
  walk: number;
}

function inOrder(tree: DelegationTree): Asked[] {
  const above = new Map<string, ReadonlySet<string>>([["targets", new Set()]]);
  return tree.custom.map((role) => {
    const upwards = above.get(role.parent) ?? new Set<string>();
    above.set(role.name, new Set([...upwards, role.name]));
    const hasBins = tree.delegators.get(role.name)?.bins !== undefined;
    return { name: role.name, patterns: (role.paths ?? []).map((pattern) => pattern.split("/")), above: upwards, ends: role.terminating || hasBins, hasBins, walk: 0 };
  });
}

/** Whether some path may match a pattern of each. */
export function mayOverlap(some: readonly string[], others: readonly string[]): boolean {
  const split = (patterns: readonly string[]): string[][] => patterns.map((pattern) => pattern.split("/"));
  return mayShare({ patterns: split(some) }, { patterns: split(others) });
}

function mayShare(some: Pick<Asked, "patterns">, others: Pick<Asked, "patterns">): boolean {
  return some.patterns.some((pattern) => others.patterns.some((other) => mayMeet(pattern, other)));
}

function mayMeet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((segment, at) => mayMatchOne(segment, b[at] ?? ""));
}

function mayMatchOne(a: string, b: string): boolean {
  for (let i = 0; i < a.length && i < b.length; i++) {
    if (isWild(a[i]) || isWild(b[i])) return mayEndAlike(a, b);
    if (a[i] !== b[i]) return false;
  }
  // One is the other's beginning; without wildcards they differ, unless they are the same.
  return a.length === b.length || mayEndAlike(a, b);
}

function mayEndAlike(a: string, b: string): boolean {
  for (let i = 1; i <= a.length && i <= b.length; i++) {
    const [one, other] = [a[a.length - i], b[b.length - i]];
    if (isWild(one) || isWild(other)) return true;
    if (one !== other) return false;
  }
  return true;
}

const isWild = (character: string | undefined): boolean => character === "*" || character === "?";
