// How long each kind of role lives, how its lifetime becomes `expires`, and when people are asked for the next one.

import { formatExpires } from "../tuf/parse.ts";

export type RoleKind = "root" | "targets" | "delegated" | "bins" | "snapshot" | "timestamp";

const DAY_MS = 86_400_000;

/** Lifetimes in milliseconds. A delegated role may have one of its own. */
export interface ExpiryPolicy {
  readonly root: number;
  readonly targets: number;
  readonly snapshot: number;
  readonly timestamp: number;
  readonly bins: number;
  readonly delegated: ReadonlyMap<string, number>;
}

/** Days, as settings and the contract's payloads give them. */
export const DEFAULT_DAYS = { root: 365, targets: 365, snapshot: 1, timestamp: 1, bins: 7 } as const;

/** Reads the settings `<role>_expiration` (days); what is absent gets its default, a delegated role that of targets. */
export function expiryPolicyOf(settings: Readonly<Record<string, unknown>>): ExpiryPolicy {
  const days = (name: keyof typeof DEFAULT_DAYS): number => {
    const value = settings[`${name}_expiration`];
    return (typeof value === "number" && value > 0 ? value : DEFAULT_DAYS[name]) * DAY_MS;
  };
  return {
    root: days("root"),
    targets: days("targets"),
    snapshot: days("snapshot"),
    timestamp: days("timestamp"),
    bins: days("bins"),
    delegated: new Map(delegatedDays(settings)),
  };
}

function* delegatedDays(settings: Readonly<Record<string, unknown>>): Generator<[string, number]> {
  for (const [role, ms] of daysIn(settings, EXPIRATION)) if (!Object.hasOwn(DEFAULT_DAYS, role)) yield [role, ms];
}

const EXPIRATION = "_expiration";
const SIGNING_WINDOW = "_signing_window";

export const signingWindowSetting = (role: string): string => `${role}${SIGNING_WINDOW}`;

/** Milliseconds by role, of those that have a window of their own: settings `<role>_signing_window` (days). */
export const signingWindowsOf = (settings: Readonly<Record<string, unknown>>): ReadonlyMap<string, number> => new Map(daysIn(settings, SIGNING_WINDOW));

function* daysIn(settings: Readonly<Record<string, unknown>>, suffix: string): Generator<[string, number]> {
  for (const [setting, value] of Object.entries(settings)) {
    if (setting.endsWith(suffix) && typeof value === "number" && value > 0) yield [setting.slice(0, -suffix.length), value * DAY_MS];
  }
}

export function lifetimeMs(policy: ExpiryPolicy, kind: RoleKind, name: string): number {
  if (kind === "delegated") return policy.delegated.get(name) ?? policy.targets;
  return policy[kind];
}

/** `expires` of something pressed at `nowMs`: whole seconds, rounded down (TUF 4.2.3). */
export function expiresAfter(nowMs: number, lifetime: number): { readonly text: string; readonly ms: number } {
  const ms = Math.floor((nowMs + lifetime) / 1000) * 1000;
  return { text: formatExpires(ms), ms };
}
