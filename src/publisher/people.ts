// Which roles of a head people sign, and which changes have to wait for them (rule 24).

import type { OpenChange } from "../ports/database.ts";
import { ownerOf, type DelegationTree } from "../roles/delegation.ts";
import { withOutside } from "../roles/outside-roles.ts";
import { needsPeople } from "../roles/people.ts";
import { withPending, type PendingEdit, type TreeToCome } from "../roles/pending-edit.ts";
import { waitsForSuccessor } from "../roles/successor.ts";
import { authoritiesOf, authorityOf, type Head } from "./head.ts";

const known = new WeakMap<DelegationTree, ReadonlySet<string>>();

/** The roles whose next versions people sign, asked by this service or elsewhere: delegated ones, and targets when root says so, or the other root while keys change. */
export function peopleOf(head: Pick<Head, "root" | "also" | "tree">): ReadonlySet<string> {
  let delegated = known.get(head.tree);
  if (delegated === undefined) {
    delegated = new Set(head.tree.custom.map(({ name }) => name).filter((name) => needsPeople(authorityOf(head, name))));
    known.set(head.tree, delegated);
  }
  return authoritiesOf(head, "targets").some(needsPeople) ? new Set([...delegated, "targets"]) : delegated;
}

/** Those of them that the service composes, and asks signatures for. */
export function askedOf(head: Pick<Head, "root" | "tree" | "outside">): ReadonlySet<string> {
  const people = peopleOf(head);
  return head.outside.roles.size === 0 ? people : new Set([...people].filter((role) => !head.outside.roles.has(role)));
}

/** A first document comes with its delegation, which waits for the people of targets, and for no others. */
export const isAskedBelowTargets = (head: Pick<Head, "root" | "also" | "tree">, parent: string): boolean => parent !== "targets" && peopleOf(head).has(parent);
export const SIGNED_PARENT = (parent: string): string => `people are asked to sign its parent role ${parent}, and what a team signs elsewhere waits for nobody but the people of targets`;

/** Whoever has to sign before `role` can be pressed: only a key in wrong hands could, by what people signed. */
export function successorNeededBy(head: Pick<Head, "root" | "tree" | "handed">, role: string): string | undefined {
  return head.handed === undefined || head.handed.length === 0 ? undefined : waitsForSuccessor(head.tree, peopleOf(head), head.handed, role);
}

/** Roles that are pressed only once people have signed something. */
export function unpressed(head: Pick<Head, "root" | "tree" | "handed">): Pick<ReadonlySet<string>, "has"> {
  const people = peopleOf(head);
  return { has: (role) => people.has(role) || successorNeededBy(head, role) !== undefined };
}

/** Who delegates to whom once the edit is carried out, and the service signs the role, or asks people to. @throws RoleError `delegations-refused` when it can't be any more */
export function redelegatedBy(head: Head, edit: PendingEdit): Head {
  const next = withTree(head, withPending(head.tree, edit));
  return { ...next, outside: withOutside(next.outside, edit.name, false) };
}

/** The head with other delegations. */
export function withTree(head: Head, tree: DelegationTree): Head {
  const { delegations } = tree.delegators.get("targets") ?? {};
  return { ...head, tree, targets: delegations === undefined ? head.targets : { ...head.targets, delegations } };
}

export interface Wait {
  readonly id: number;
  readonly task: string;
  readonly for: string;
}

/**
 * The changes among `open` that can't be published now: of roles that people sign, and of paths that a change of
 * delegations which waits will give to another role, since its signed documents say what it moves.
 * @param trees those that wait for people
 * @param isGivenUp changes that are about to be set aside
 */
export function waitsOf(head: Head, trees: readonly TreeToCome[], open: readonly OpenChange[], isGivenUp: (change: OpenChange) => boolean): readonly Wait[] {
  const people = askedOf(head);
  if (people.size === 0 && trees.length === 0) return [];
  const waits: Wait[] = [];
  for (const change of open) {
    // Asked for by hand, after a database went back in time: people are asked in their turn.
    if (change.kind === "refresh" && people.has(change.role)) waits.push({ id: change.id, task: change.task, for: change.role });
    if ((change.kind !== "add" && change.kind !== "remove") || isGivenUp(change)) continue;
    const role = waitsFor(head, trees, people, change.path);
    if (role !== undefined) waits.push({ id: change.id, task: change.task, for: role });
  }
  return waits;
}

function waitsFor(head: Head, trees: readonly TreeToCome[], people: ReadonlySet<string>, path: string): string | undefined {
  const owner = ownerOf(head.tree, path);
  for (const { tree: after, signs } of trees) {
    const later = ownerOf(after, path);
    if (later === owner) continue;
    // What no signed document lists may still change until it moves, as long as some role takes it now.
    if (owner !== undefined && !people.has(owner) && (later === undefined || !signs.includes(later))) continue;
    return later !== undefined && signs.includes(later) ? later : signs[0];
  }
  return owner === undefined ? undefined : people.has(owner) ? owner : successorNeededBy(head, owner);
}
