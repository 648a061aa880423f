// Whether what is to be removed is there.
//
// Rows say so only while everything committed is folded. A database that lost its last transactions may hold the
// head and not its folding, and nobody is told: a remove would end, of something that clients go on seeing.

import type { OpenChange } from "../ports/database.ts";
import { ownerOf } from "../roles/delegation.ts";
import type { PublisherDeps } from "./deps.ts";
import type { Head } from "./head.ts";

/** Of the paths that `open` removes, those that `head` lists, by the role that owns them. @throws DatabaseError `stale-base` */
export async function listedOf({ database }: Pick<PublisherDeps, "database">, { id, tree }: Pick<Head, "id" | "tree">, open: readonly OpenChange[]): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const removed = new Map<string, string[]>();
  for (const { kind, path } of open) {
    const owner = kind === "remove" ? ownerOf(tree, path) : undefined;
    if (owner === undefined) continue;
    const paths = removed.get(owner);
    if (paths === undefined) removed.set(owner, [path]);
    else paths.push(path);
  }
  const listed = new Map<string, ReadonlySet<string>>();
  for (const [role, paths] of removed) listed.set(role, await database.listed(role, paths));
  if (removed.size > 0) await database.readTargets(id, []);
  return listed;
}
