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

/**
 * What the roles of `head` list and other roles of `next` take, or none. Memory holds one role at a time, and what moves.
 * What a team signs elsewhere is its own: nothing is moved into such a role, which lists what its team says, nor out of one,
 * since the service vouches for nothing in its place. So what such a role takes from another, and what one lists that is
 * deleted, is listed no more.
 * @param replaced roles whose next documents are at hand
 * @throws RoleError `delegations-refused` when a role that a team signs would list what it does not take
 */
export async function rehome(deps: Pick<PublisherDeps, "database">, head: Head, next: Head, replaced: ReadonlySet<string> = new Set()): Promise<Rehoming> {
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
  for (const slice of slicesOf(rolesOf(head.tree).filter((role) => !replaced.has(role)))) {
    const read = await deps.database.readTargets(head.id, slice);
    for (const [from, targets] of read) {
      for (const { path, fragment } of targets) {
        const owner = ownerOf(next.tree, path);
        if (owner === from) continue;
        const isTheirs = head.outside.roles.has(from);
        if (isTheirs && live.has(from)) {
          throw new RoleError("delegations-refused", `role ${from}, which a team signs elsewhere, lists ${JSON.stringify(path.slice(0, 200))}, which it would no longer take: its team publishes a version without it first`);
        }
        const to = isTheirs || (owner !== undefined && next.outside.roles.has(owner)) ? undefined : owner;
        if (owner === undefined && opens) unfindable.push(path);
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
