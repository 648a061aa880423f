// Whether what is to be removed is there.

import type { OpenChange } from "../ports/database.ts";
import { ownerOf, type DelegationTree } from "../roles/delegation.ts";
import type { PublisherDeps } from "./deps.ts";

/** Of the paths that `open` removes, those that are listed, by the role that owns them. */
export async function listedOf({ database }: Pick<PublisherDeps, "database">, tree: DelegationTree, open: readonly OpenChange[]): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
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
  return listed;
}
