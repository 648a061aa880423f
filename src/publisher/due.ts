// Which roles the database says are due for a refresh now (promise 6).

import type { RoleRow } from "../ports/database.ts";
import { lifetimeMs, signingWindowsOf, type RoleKind } from "../roles/policy.ts";
import { dueMs, dueRoles, longestLeftMs, shareOf, signingLeftMs, type Expiring } from "../roles/refresh.ts";
import type { PublisherDeps } from "./deps.ts";
import type { Head } from "./head.ts";
import { askedOf, unpressed } from "./people.ts";

export interface Due {
  /** Targets roles to press again. */
  readonly roles: readonly string[];
  /** Roles whose next versions people should begin to sign. */
  readonly people: readonly string[];
  /** Snapshot or timestamp is due: publish, even if no role is. */
  readonly force: boolean;
}

/** More roles than any configuration has. */
const ALL = 100_000;

/**
 * Live roles that could be due. The bins are many and live for days, targets for a year: asked for all that
 * expire within the longest horizon the database would answer with every bin on every tick (16,384 of them:
 * 40 ms of CPU, 12 MB).
 */
async function candidates({ database, policy }: PublisherDeps, head: Head, now: number): Promise<readonly RoleRow[]> {
  const many = longestLeftMs(Math.max(head.expiry.bins, head.expiry.snapshot, head.expiry.timestamp), policy.refresh);
  const rows = new Map((await database.rolesExpiringBefore(now + many, ALL)).map((row) => [row.role, row]));
  for (const role of ["targets", ...head.tree.custom.map(({ name }) => name)]) {
    const row = rows.has(role) ? undefined : await database.role(role);
    if (row !== undefined && !row.retired) rows.set(role, row);
  }
  return [...rows.values()];
}

export async function dueNow(deps: PublisherDeps, head: Head, now: number): Promise<Due> {
  const { refresh } = deps.policy;
  const rows = await candidates(deps, head, now);
  const expiring = rows.filter((row) => row.kind !== "root").map((row) => expiringOf(head, row));
  const waits = unpressed(head);
  const isAlways = (role: Expiring): boolean => role.role === "snapshot" || role.role === "timestamp";
  const force = expiring.some((role) => isAlways(role) && dueMs(role, refresh) <= now);
  const share = shareOf(head.book.size, head.expiry.bins, refresh);
  const asked = askedOf(head);
  const windows = { ...deps.policy.signingWindows, own: signingWindowsOf(await deps.database.settings()) };
  const signed = expiring.filter((role) => asked.has(role.role) && role.expiresMs - signingLeftMs(role, refresh, windows) <= now);
  return { roles: dueRoles(expiring.filter((role) => !isAlways(role) && !waits.has(role.role)), share, now, refresh), people: signed.map(({ role }) => role), force };
}

function expiringOf(head: Head, row: RoleRow): Expiring {
  const kind: RoleKind = row.kind;
  return { role: row.role, bin: kind === "bins", lifetimeMs: lifetimeMs(head.expiry, kind, row.role), expiresMs: row.expiresMs };
}
