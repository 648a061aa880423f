// Whether delegations say already what an edit asks.

import { floorToPowerOfTwo } from "../tuf/bins.ts";
import { TufError } from "../tuf/errors.ts";
import type { DelegationEdit, WantedRole } from "./custom-delegations.ts";
import { applyEdit, type EditContext } from "./delegation-edit.ts";
import { BINS_PREFIX, type DelegationTree } from "./delegation.ts";
import { RoleError } from "./errors.ts";

/** How bins are named among roles; no role is. */
const binsOf = (role: string): string => `the bins of ${role}`;

/** The roles, and bins, that an edit is about. */
export function asksAbout(edit: DelegationEdit): readonly string[] {
  const bins = edit.action === "bins" ? [binsOf(edit.of ?? "targets")] : edit.action === "add" && edit.bins ? [binsOf("targets")] : [];
  return [...edit.roles.map(({ name }) => name), ...bins];
}

/** Whose documents say it. */
export function delegatorsOf(edit: DelegationEdit, tree: DelegationTree): readonly string[] {
  if (edit.action === "bins") return tree.bins.filter(({ prefix, delegator }) => (edit.of === undefined ? prefix === BINS_PREFIX : delegator === edit.of)).map(({ delegator }) => delegator);
  const parents = edit.roles.map((role) => tree.custom.find(({ name }) => name === role.name)?.parent ?? (role as Partial<WantedRole>).parent ?? "targets");
  return edit.action === "add" && edit.bins ? [...parents, "targets"] : parents;
}

/** Those of `asksAbout` of which the delegations of `context` say something else. */
export function unsaidOf(edit: DelegationEdit, context: EditContext): readonly string[] {
  const { tree } = context;
  if (edit.action === "delete") return asksAbout(edit).filter((name) => tree.custom.some((role) => role.name === name));
  if (edit.action === "bins") return isSaid(edit, context) ? [] : asksAbout(edit);
  // A role that is there as it is wanted is not changed by an update to that.
  const unsaid = edit.roles.filter((role) => !isSaid({ action: "update", keys: edit.keys, roles: [edit.action === "add" ? { ...role, parent: role.parent ?? "targets" } : role] }, context)).map(({ name }) => name);
  const bins = edit.action === "add" ? edit.bins : undefined;
  const has = tree.bins.find(({ prefix }) => prefix === BINS_PREFIX);
  return !bins || (has !== undefined && 2 ** has.bitLength === floorToPowerOfTwo(bins.number_of_delegated_bins)) ? unsaid : [...unsaid, binsOf("targets")];
}

function isSaid(edit: DelegationEdit, context: EditContext): boolean {
  try {
    const { changed, failed } = applyEdit(edit, context);
    return changed.length === 0 && failed.length === 0;
  } catch (error) {
    if (error instanceof RoleError || error instanceof TufError) return false;
    throw error;
  }
}
