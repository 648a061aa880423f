// Delegated roles that go from an online key to the one in its place (rules 21, 22).
//
// What people sign says who signs below it, and keeps the old key until they have signed. Top-level targets that they sign
// takes the new key with its next version, which is asked for at once; the setting `handed_keys` says what is due until then.

import { delegatesTo, handOver, rolesSharedBy, rolesSignedBy } from "../roles/delegation-keys.ts";
import { successions, type Succession } from "../roles/root-update.ts";
import { redelegated, type Head } from "./head.ts";
import { peopleOf } from "./people.ts";

/** `earlier` ones, not done yet, and those that came `later`: each key once, with the one that is in its place in the end. */
export function followed(earlier: readonly Succession[], later: readonly Succession[]): readonly Succession[] {
  const all = [...earlier.map(({ old, next }) => ({ old, next: later.find((one) => one.old === next.keyid)?.next ?? next })), ...later];
  return all.filter(({ old }, at) => all.findIndex((one) => one.old === old) === at);
}

/** Online keys that go with the change of keys under way, and those in their place. */
export function goingFrom({ root, also, rotation }: Head): readonly Succession[] {
  if (rotation?.phase === "bins") return rotation.handed;
  if (also === undefined) return [];
  return rotation?.phase === "shown" ? successions(also, root) : successions(root, also);
}

/** The roles that this service can sign with the key in the place of `old` by itself, or with the new versions of those `signed` beside. */
export function ownRolesOf(head: Pick<Head, "root" | "also" | "tree">, old: string, signed: readonly string[] = []): readonly string[] {
  const people = new Set([...peopleOf(head)].filter((role) => !signed.includes(role)));
  return [...rolesSignedBy(head.tree, old, people), ...rolesSharedBy(head.tree, old, people)];
}

/** What roles that people sign delegate is theirs, and so are their keys: those stay until people have signed others, but for those `signed` with it. */
export function handedOver(head: Head, handed: readonly Succession[], how: "both" | "alone", signed: readonly string[] = []): ReturnType<typeof redelegated> {
  const people = peopleOf(head);
  return redelegated(head, (delegations, delegator) => {
    if (people.has(delegator) && !signed.includes(delegator)) return delegations;
    return handed.reduce((so, { old, next }) => (delegatesTo(so, old, next) ? handOver(so, old, next, how, people) : so), delegations);
  });
}
