// A change of one role's delegation that becomes true once people have signed what it takes (rule 25).
//
// It is kept with the signing events it takes, and carried out on the delegations in force when the
// last of them is complete: other changes may have been published meanwhile. Its place among the
// roles is kept by the names of those before it.

import { own } from "../lib/own.ts";
import type { DelegatedRole, Delegations, Key } from "../tuf/documents.ts";
import { samePublicKey } from "../tuf/keys.ts";
import type { DelegationTree } from "./delegation.ts";
import { opening, wholeTree, type Draft } from "./delegation-edit.ts";
import { RoleError } from "./errors.ts";
import type { Authority } from "./people.ts";

export interface PendingEdit {
  /** Of all signing events it takes. */
  readonly unit: string;
  readonly action: "add" | "update" | "delete";
  readonly name: string;
  /** Who delegates to it. */
  readonly parent: string;
  /** As it will be; absent when it is deleted. */
  readonly role?: DelegatedRole;
  /** Those the role names. */
  readonly keys: { readonly [keyid: string]: Key };
  /** What it delegates itself, when that changes. */
  readonly below?: Delegations;
  /** The roles before it. */
  readonly after: readonly string[];
  readonly days?: number;
  /** Roles whose envelopes it takes, sorted: one signing event each. */
  readonly signs: readonly string[];
}

/** What a signing event of a delegated role is started with. */
export interface EventNote {
  /** Who may sign, and how many. */
  readonly authority: Authority;
  /** The change of delegations it belongs to; absent for a new version under the delegations in force. */
  readonly edit?: PendingEdit;
}

/** A signing event, as far as it counts here. */
interface Noted {
  readonly kind: string;
  readonly state: string;
  readonly note?: unknown;
}

export const noteOf = ({ note }: Pick<Noted, "note">): EventNote => note as EventNote;

/** The changes of delegations that wait, each once, oldest first. */
export function pendingEdits(events: readonly Noted[]): readonly PendingEdit[] {
  const edits = new Map<string, PendingEdit>();
  for (const event of events) {
    if (event.kind !== "delegated" || event.state === "cancelled") continue;
    const { edit } = noteOf(event);
    if (edit !== undefined && !edits.has(edit.unit)) edits.set(edit.unit, edit);
  }
  return [...edits.values()];
}

/**
 * Who delegates to whom once the edit is carried out.
 * @throws RoleError `delegations-refused` when it can't be any more
 */
export function withPending(tree: DelegationTree, edit: PendingEdit): DelegationTree {
  const { name, parent } = edit;
  const refuse = (reason: string): never => {
    throw new RoleError("delegations-refused", `role ${name}: ${reason}`);
  };
  const before = tree.custom.find((role) => (edit.action === "add" ? role.name.toLowerCase() === name.toLowerCase() : role.name === name));
  if (edit.action === "add" && before !== undefined) refuse("role already exists");
  if (edit.action !== "add" && before?.parent !== parent) refuse("it doesn't exist any more");
  if (parent !== "targets" && !tree.custom.some((role) => role.name === parent)) refuse(`parent role ${parent} doesn't exist`);
  const all: Draft = new Map([...tree.delegators].map(([delegator, { delegations }]) => [delegator, delegations]));
  const draft = new Map(parent === "targets" && edit.action === "add" ? opening(all) : all);
  const around = draft.get(parent) ?? { keys: {}, roles: [] };
  for (const [keyid, key] of Object.entries(edit.keys)) {
    const known = own(around.keys, keyid);
    if (known !== undefined && !samePublicKey(known, key)) refuse(`keyid ${keyid} names another key already`);
  }
  const roles = [...(around.roles ?? [])];
  const place = roles.findIndex((role) => role.name === name);
  if (edit.role === undefined) roles.splice(place, 1);
  else if (edit.action === "update") roles.splice(place, 1, edit.role);
  else roles.splice(1 + roles.findLastIndex((role) => edit.after.includes(role.name)), 0, edit.role);
  draft.set(parent, { ...around, keys: { ...around.keys, ...edit.keys }, roles });
  if (edit.role === undefined) draft.delete(name);
  else if (edit.below !== undefined) draft.set(name, edit.below);
  if (parent !== "targets" && roles.length === 0) draft.delete(parent);
  return wholeTree(draft);
}
