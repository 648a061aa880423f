// Delegations of roles other than targets, as setting `nested_delegations` keeps them.
//
// They are changed by the commit that publishes the documents which say the same, so that whoever
// reads targets and this setting of one head has the whole tree.

import type { Delegations } from "../tuf/documents.ts";
import { NOTHING_BELOW, type Below } from "./delegation.ts";

export const NESTED = "nested_delegations";

/** @param stamp another one with each change: readers keep the tree until it changes */
export function settingOf(below: Below, stamp: string): { readonly stamp: string; readonly roles: { readonly [role: string]: Delegations } } | null {
  return below.size === 0 ? null : { stamp, roles: Object.fromEntries(below) };
}

export function belowIn(setting: unknown): Below {
  const roles = (setting as { readonly roles?: { readonly [role: string]: Delegations } } | null | undefined)?.roles;
  return roles === undefined ? NOTHING_BELOW : new Map(Object.entries(roles));
}

export function stampIn(setting: unknown): string {
  return (setting as { readonly stamp?: string } | null | undefined)?.stamp ?? "";
}
