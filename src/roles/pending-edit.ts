// A change of one role's delegation that becomes true once people have signed what it takes (rule 25).
//
// It is kept with the signing events it takes, and carried out on the delegations in force when the
// last of them is complete: other changes may have been published meanwhile. Its place among the
// roles is kept by the names of those before it.

import { own } from "../lib/own.ts";
import type { DelegatedRole, Delegations, Key } from "../tuf/documents.ts";
import { samePublicKey } from "../tuf/keys.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import { delegationTreeOf, type DelegationTree } from "./delegation.ts";
import { opening, wholeTree, type Draft } from "./delegation-edit.ts";
import { RoleError } from "./errors.ts";
import { needsPeople, peopleDemand, type Authority } from "./people.ts";
import type { Succession } from "./root-update.ts";
import type { Demand } from "./signing-event.ts";

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
  /** Days before it expires from which its people are asked for its next version, when that changes. */
  readonly window?: number;
  /** Roles whose envelopes it takes, sorted: one signing event each. */
  readonly signs: readonly string[];
}

/** A new version of top-level targets that people sign. The changes of delegations it makes are those its event carries. */
export interface PendingTargets {
  /** Of all signing events it takes. */
  readonly unit: string;
  /** Roles whose envelopes it takes, targets among them, sorted: one signing event each. */
  readonly signs: readonly string[];
  /** Online keys that it takes from the roles they sign. */
  readonly handed: readonly Succession[];
  /** What roles below targets will delegate. */
  readonly below: { readonly [role: string]: Delegations };
}

/** What a signing event of a targets role is started with. */
export interface EventNote {
  /** Who may sign, and how many. */
  readonly authority: Authority;
  /** Who must be able to verify it too, while root changes who signs targets. */
  readonly also?: Authority;
  /** The change of delegations it belongs to; absent for a new version under the delegations in force. */
  readonly edit?: PendingEdit;
  /** The new version of targets it belongs to. */
  readonly targets?: PendingTargets;
  /** The root update, or the bootstrap, that publishes it: its signing event. */
  readonly root?: string;
}

/** A signing event, as far as it counts here. */
interface Noted {
  readonly kind: string;
  readonly state: string;
  readonly role: string;
  readonly document: Uint8Array;
  readonly note?: unknown;
}

export const noteOf = ({ note }: Pick<Noted, "note">): EventNote => note as EventNote;

/** Whose signatures an event of that note takes. */
export const demandsIn = ({ authority, also }: EventNote): readonly Demand[] => [
  ...(also !== undefined && needsPeople(also) ? [{ ...peopleDemand(also), by: "old" as const }] : []),
  ...(needsPeople(authority) ? [peopleDemand(authority)] : []),
];

/** What its events are published with: a change of delegations, or a new version of targets. */
export const unitIn = (event: Pick<Noted, "note">): PendingEdit | PendingTargets | undefined => noteOf(event).edit ?? noteOf(event).targets;

/** Who will delegate to whom once people have signed. */
export interface TreeToCome {
  readonly tree: DelegationTree;
  /** Roles whose envelopes it takes. */
  readonly signs: readonly string[];
}

/** One for each change of delegations that waits and still can be. */
export function treesToCome(tree: DelegationTree, events: readonly Noted[]): readonly TreeToCome[] {
  const edits = pendingEdits(events).flatMap((edit): TreeToCome[] => {
    try {
      return [{ tree: withPending(tree, edit), signs: edit.signs }];
    } catch (error) {
      // It can't be any more, and ends by itself.
      if (error instanceof RoleError) return [];
      throw error;
    }
  });
  return [...edits, ...events.filter((event) => event.role === "targets" && event.kind === "delegated" && event.state !== "cancelled").flatMap(targetsToCome)];
}

function targetsToCome(event: Noted): readonly TreeToCome[] {
  const { targets } = noteOf(event);
  return targets === undefined ? [] : [{ tree: delegationTreeOf(parseEnvelope(event.document, "targets").signed, new Map(Object.entries(targets.below))), signs: targets.signs }];
}

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
