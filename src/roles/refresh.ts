// Which roles are due for a new version before they expire (promise 6).
//
// A role is due when a third of its lifetime is left; bins up to a tenth of it sooner or
// later, by a fixed draw from their name, so that they do not all fall due together. One
// tick presses at most twice its share, most urgent first; only what would enter its last
// hours goes beyond that. Bins without artifacts are roles like all others.

import { sha256Hex } from "../tuf/crypto.ts";

export interface RefreshPolicy {
  /** Due when less than this fraction of the lifetime is left (1/3). */
  readonly atRemainingFraction: number;
  /** Bins fall due earlier or later by up to this fraction of their lifetime (0.1). */
  readonly jitterFraction: number;
  /** Never later than this before expiry, milliseconds (one hour). */
  readonly marginMs: number;
  /** Milliseconds between two ticks. */
  readonly tickMs: number;
}

export interface Expiring {
  readonly role: string;
  readonly bin: boolean;
  readonly lifetimeMs: number;
  readonly expiresMs: number;
}

/** The moment from which `role` is due. */
export function dueMs(role: Expiring, policy: RefreshPolicy): number {
  const jitter = role.bin ? (draw(role.role) * 2 - 1) * policy.jitterFraction : 0;
  const left = Math.max((policy.atRemainingFraction + jitter) * role.lifetimeMs, urgentLeftMs(role, policy));
  return role.expiresMs - left;
}

/** The earliest moment at which any role of that lifetime could be due: how far ahead a tick must look. */
export function longestLeftMs(lifetimeMs: number, policy: RefreshPolicy): number {
  return Math.max((policy.atRemainingFraction + policy.jitterFraction) * lifetimeMs, policy.marginMs + 2 * policy.tickMs);
}

/** How long before they expire roles ask people for their next versions, milliseconds. */
export interface SigningWindows {
  /** Of roles without a window of their own. */
  readonly defaultMs: number;
  /** Of root, unless it has one of its own; 0: nobody is asked. */
  readonly rootMs: number;
  /** By role. */
  readonly own: ReadonlyMap<string, number>;
}

/**
 * With so much of its life left, people are asked for a role's next version: by its own window; else as early as others
 * are pressed again, or by the window that people are given. For short lives never before half of them is over.
 * Root, which is signed by more people and more seldom, has no third. 0: nobody is asked.
 */
export function signingLeftMs(role: { readonly role: string; readonly lifetimeMs: number }, { atRemainingFraction }: Pick<RefreshPolicy, "atRemainingFraction">, windows: SigningWindows): number {
  const half = role.lifetimeMs / 2;
  if (role.role === "root") return windows.rootMs === 0 ? 0 : Math.min(windows.own.get("root") ?? windows.rootMs, half);
  const own = windows.own.get(role.role);
  return own === undefined ? Math.max(atRemainingFraction * role.lifetimeMs, Math.min(windows.defaultMs, half)) : Math.min(own, half);
}

/** How many roles a tick must press on average for `count` of this lifetime to stay fresh. */
export function shareOf(count: number, lifetimeMs: number, policy: RefreshPolicy): number {
  return Math.max(1, Math.ceil((count * policy.tickMs) / ((1 - policy.atRemainingFraction) * lifetimeMs)));
}

/**
 * Those of `roles` to press in this tick, most urgent first: all that are urgent, and of the
 * others that are due as many as `share` leaves room for, twice over.
 */
export function dueRoles(roles: readonly Expiring[], share: number, now: number, policy: RefreshPolicy): readonly string[] {
  const due = roles
    .map((role) => ({ role, at: dueMs(role, policy) }))
    .filter(({ at }) => at <= now)
    .sort((a, b) => a.role.expiresMs - b.role.expiresMs || (a.role.role < b.role.role ? -1 : 1));
  const urgent = due.filter(({ role }) => role.expiresMs - urgentLeftMs(role, policy) <= now);
  const count = Math.max(urgent.length, Math.min(due.length, share * 2));
  return due.slice(0, count).map(({ role }) => role.role);
}

/** With so little left a role goes at once: the margin and two ticks, but for short lives not more than half of them. */
function urgentLeftMs(role: Expiring, policy: RefreshPolicy): number {
  return Math.min(policy.marginMs + 2 * policy.tickMs, role.lifetimeMs / 2);
}

function draw(name: string): number {
  return Number.parseInt(sha256Hex(name).slice(0, 8), 16) / 0x1_0000_0000;
}
