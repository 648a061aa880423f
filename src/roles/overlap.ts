// How many roles a client may have to ask for one path.
//
// Two patterns that surely match no path in common are told apart by their segments: as many of
// them, and of each pair neither beginnings nor ends that differ. What can't be told apart counts
// as overlapping, so that the answer is never too low.

import type { DelegatedRole } from "../tuf/documents.ts";

/** At most so many of `roles`, in their order of priority, are asked for any one path. */
export function longestWalk(roles: readonly DelegatedRole[]): number {
  const split = roles.map((role) => (role.paths ?? []).map((pattern) => pattern.split("/")));
  let longest = 0;
  for (const [at, patterns] of split.entries()) {
    let walk = 1;
    for (let before = 0; before < at; before++) {
      if (roles[before]?.terminating === true) continue;
      if (mayShare(split[before] ?? [], patterns)) walk++;
    }
    longest = Math.max(longest, walk);
  }
  return longest;
}

function mayShare(some: readonly (readonly string[])[], others: readonly (readonly string[])[]): boolean {
  return some.some((pattern) => others.some((other) => mayOverlap(pattern, other)));
}

function mayOverlap(a: readonly string[], b: readonly string[]): boolean {
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
