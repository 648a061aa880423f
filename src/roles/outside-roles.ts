// Roles that a team signs elsewhere: which they are, and which are declared and wait for their first document.
//
// Kept as one setting, changed by the commit that makes it true. The documents themselves say nothing
// of it: to clients such a role is one like all others.

import type { PendingEdit } from "./pending-edit.ts";

export const OUTSIDE = "outside_roles";

export interface OutsideRoles {
  /** Delegated to, with a document in force. */
  readonly roles: ReadonlySet<string>;
  /** Changes of delegations that come with the next document a team uploads: new roles, other keys. */
  readonly declared: readonly PendingEdit[];
}

export const NO_OUTSIDE: OutsideRoles = { roles: new Set(), declared: [] };

interface Stored {
  readonly roles?: readonly string[];
  readonly declared?: readonly PendingEdit[];
}

export function outsideIn(setting: unknown): OutsideRoles {
  const { roles = [], declared = [] } = (setting ?? {}) as Stored;
  return roles.length + declared.length === 0 ? NO_OUTSIDE : { roles: new Set(roles), declared };
}

/** As the setting keeps it, of the roles that are still delegated to; null when there is nothing to keep. */
export function outsideSetting({ roles, declared }: OutsideRoles, live: readonly { readonly name: string }[]): { readonly roles: readonly string[]; readonly declared: readonly PendingEdit[] } | null {
  const kept = live.map(({ name }) => name).filter((name) => roles.has(name)).sort();
  return kept.length + declared.length === 0 ? null : { roles: kept, declared };
}

/** With `role` among them, or without it. */
export function withOutside({ roles, declared }: OutsideRoles, role: string, isOutside: boolean): OutsideRoles {
  if (roles.has(role) === isOutside) return { roles, declared };
  return { roles: new Set(isOutside ? [...roles, role] : [...roles].filter((name) => name !== role)), declared };
}
