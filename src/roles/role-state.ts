// How urgent a role is, in words: by what is left of its lifetime.

export type RoleState = "fresh" | "due" | "late" | "expired";

/** What is left when a role is signed again, as long as nobody says otherwise. */
export const REFRESH_AT_FRACTION = 1 / 3;

/**
 * `due` when no more than `refreshAtFraction` of the lifetime is left: it is, or should be, signed again now.
 * `late` when half of that has passed as well: whatever should have signed it did not.
 */
export function roleStateOf(role: { readonly expiresMs: number; readonly lifetimeMs: number }, now: number, refreshAtFraction: number = REFRESH_AT_FRACTION): RoleState {
  const left = role.expiresMs - now;
  if (left <= 0) return "expired";
  if (left <= (role.lifetimeMs * refreshAtFraction) / 2) return "late";
  return left <= role.lifetimeMs * refreshAtFraction ? "due" : "fresh";
}
