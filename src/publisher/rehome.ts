// Artifacts that another role lists once delegations change (H32).

import type { Move } from "../ports/database.ts";
import { CATCH_ALL, CATCH_ALL_LIMITS } from "../roles/catch-all.ts";
import { ownerOf, rolesOf } from "../roles/delegation.ts";
import { RoleError } from "../roles/errors.ts";
import type { PublisherDeps } from "./deps.ts";
import type { Head } from "./head.ts";

export interface Rehoming {
  readonly moves: readonly Move[];
  readonly edits: ReadonlyMap<string, ReadonlyMap<string, string | undefined>>;
}

export const NO_REHOMING: Rehoming = { moves: [], edits: new Map() };

/** What the roles of `head` list and other roles of `next` take, or none. Memory holds one role at a time, and what moves. */
export async function rehome(deps: Pick<PublisherDeps, "database">, head: Head, next: Head): Promise<Rehoming> {
  const live = new Set(rolesOf(next.tree));
  const moves: Move[] = [];
  const edits = new Map<string, Map<string, string | undefined>>();
  const edit = (role: string, path: string, fragment: string | undefined): void => {
    if (!live.has(role)) return;
    const own = edits.get(role);
    if (own === undefined) edits.set(role, new Map([[path, fragment]]));
    else own.set(path, fragment);
  };
  const opens = next.tree.custom.some(({ name }) => name === CATCH_ALL) && !head.tree.custom.some(({ name }) => name === CATCH_ALL);
  const unfindable: string[] = [];
  for (const slice of slicesOf(rolesOf(head.tree))) {
    const read = await deps.database.readTargets(head.id, slice);
    for (const [from, targets] of read) {
      for (const { path, fragment } of targets) {
        const to = ownerOf(next.tree, path);
        if (to === from) continue;
        if (to === undefined && opens) unfindable.push(path);
        moves.push({ path, from, to });
        edit(from, path, undefined);
        if (to !== undefined) edit(to, path, fragment);
      }
    }
  }
  const [first] = unfindable;
  if (first !== undefined) {
    const { segments, dotSegments } = CATCH_ALL_LIMITS;
    throw new RoleError("delegations-refused", `${String(unfindable.length)} artifact(s), ${JSON.stringify(first.slice(0, 200))} among them, would be found no more: beside custom roles a path has at most ${String(segments)} segments, none empty and at most ${String(dotSegments)} that begin with a dot. Remove them first`);
  }
  return { moves, edits };
}

/** Roles read at a time: bins are many and small. */
const READ_ROLES = 64;

function* slicesOf(roles: readonly string[]): Generator<readonly string[]> {
  for (let at = 0; at < roles.length; at += READ_ROLES) yield roles.slice(at, at + READ_ROLES);
}
