// Another number of bins, in one head: what each new bin lists comes from the old ones that it overlaps.
//
// A bin is a range of hashes, and so is what it takes over: old bins are read in the order in which new
// ones are pressed, a slice at a time. Memory holds a slice, however many artifacts move.

import type { Move, Target } from "../ports/database.ts";
import { namesIn, type BinSet } from "../roles/delegation.ts";
import { RoleError } from "../roles/errors.ts";
import { binIndexOfName, binName, binOf } from "../tuf/bins.ts";
import { compareCodePoints } from "../tuf/canonical.ts";
import type { PublisherDeps } from "./deps.ts";
import type { Head } from "./head.ts";
import { Unpressable, type Source } from "./press.ts";

export function resized({ database }: Pick<PublisherDeps, "database">, head: Head, from: BinSet, to: BinSet): Source {
  const isNew = new Set(namesIn(to));
  const oldOf = (name: string): readonly string[] => oldNames(from, to, binIndexOfName(to.prefix, to.bitLength, name) ?? 0);
  return async (roles) => {
    const others = roles.filter((role) => !isNew.has(role));
    const bins = roles.filter((role) => isNew.has(role));
    const read = await database.readTargets(head.id, [...new Set([...others, ...bins.flatMap(oldOf)])]);
    const targets = new Map<string, readonly Target[]>(others.map((role) => [role, read.get(role) ?? []]));
    const moves: Move[] = [];
    for (const bin of bins) {
      const own: Target[] = [];
      for (const old of oldOf(bin)) {
        for (const target of read.get(old) ?? []) {
          if (binOf(to.prefix, to.bitLength, target.path) !== bin) continue;
          own.push(target);
          if (old !== bin) moves.push({ path: target.path, from: old, to: bin });
        }
      }
      own.sort((a, b) => compareCodePoints(a.path, b.path));
      requireOneOrder(bin, own);
      targets.set(bin, own);
    }
    return { targets, moves };
  };
}

/** The old bins that overlap new bin `index`. */
function oldNames(from: BinSet, to: BinSet, index: number): readonly string[] {
  const widths = from.bitLength - to.bitLength;
  if (widths <= 0) return [binName(from.prefix, from.bitLength, Math.floor(index / 2 ** -widths))];
  return Array.from({ length: 2 ** widths }, (_, at) => binName(from.prefix, from.bitLength, index * 2 ** widths + at));
}

/** Bins that are put together may hold paths that clients would order differently beside each other. @throws Unpressable */
function requireOneOrder(bin: string, targets: readonly Target[]): void {
  for (let at = 1; at < targets.length; at++) {
    const [before, after] = [targets[at - 1]?.path ?? "", targets[at]?.path ?? ""];
    // UTF-16 order, in which tuf-js sorts.
    if (before >= after) throw new Unpressable(bin, [after], new RoleError("path-order", `clients would order ${after} differently beside ${before}, with which it would share a bin`));
  }
}
