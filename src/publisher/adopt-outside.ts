// Which roles a team signs elsewhere, once a lost history is adopted (rule 17). No document tells: it is told by what this
// database still knows was asked for, and by the delegations it finds in force.

import type { DelegationEdit } from "../roles/custom-delegations.ts";
import type { DelegationTree } from "../roles/delegation.ts";
import type { OutsideRoles } from "../roles/outside-roles.ts";
import type { PendingEdit } from "../roles/pending-edit.ts";
import { canonicalString } from "../tuf/canonical.ts";
import type { Json } from "../tuf/documents.ts";
import { delegationIn } from "../tuf/search.ts";

/**
 * @param tree who delegates to whom from now on
 * @param answered changes of delegations that were pending, and that the lost history carried out, oldest first
 */
export function adoptedOutside({ roles, declared }: OutsideRoles, tree: DelegationTree, answered: readonly DelegationEdit[]): OutsideRoles {
  const outside = new Set(roles);
  // Their first document, or the one signed with other keys, was published, and the delegation with it.
  const arrived = declared.filter((edit) => isInForce(edit, tree));
  for (const { name } of arrived) outside.add(name);
  for (const { name, signing } of answered.flatMap((edit) => edit.roles as readonly { readonly name: string; readonly signing?: string | null }[])) {
    if (signing === "outside") outside.add(name);
    else if (signing === "service") outside.delete(name);
  }
  return { roles: outside, declared: declared.filter((edit) => !arrived.includes(edit)) };
}

function isInForce({ name, parent, role }: PendingEdit, tree: DelegationTree): boolean {
  const delegations = tree.delegators.get(parent)?.delegations;
  const found = delegations === undefined ? undefined : delegationIn(delegations, name);
  return role !== undefined && found !== undefined && canonicalString(found.role as unknown as Json) === canonicalString(role as unknown as Json);
}
