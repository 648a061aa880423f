// Which roles the database says are due for a refresh now (promise 6).

import type { RoleRow } from "../ports/database.ts";
import { lifetimeMs, type RoleKind } from "../roles/policy.ts";
import { dueMs, dueRoles, longestLeftMs, shareOf, type Expiring } from "../roles/refresh.ts";
import type { PublisherDeps } from "./deps.ts";
import type { Head } from "./head.ts";

export interface Due {
  /** Targets roles to press again. */
  readonly roles: readonly string[];
  /** Snapshot or timestamp is due: publish, even if no role is. */
  readonly force: boolean;
}

/** More roles than any configuration has. */
const ALL = 100_000;

export async function dueNow(deps: PublisherDeps, head: Head, now: number): Promise<Due> {
  const { refresh } = deps.policy;
  const lifetimes = (["targets", "bins", "snapshot", "timestamp"] as const).map((kind) => head.expiry[kind]);
  const horizon = Math.max(...[...lifetimes, ...head.expiry.delegated.values()].map((lifetime) => longestLeftMs(lifetime, refresh)));
  const rows = await deps.database.rolesExpiringBefore(now + horizon, ALL);
  const expiring = rows.filter((row) => row.kind !== "root").map((row) => expiringOf(head, row));
  const isAlways = (role: Expiring): boolean => role.role === "snapshot" || role.role === "timestamp";
  const force = expiring.some((role) => isAlways(role) && dueMs(role, refresh) <= now);
  const share = shareOf(head.book.size, head.expiry.bins, refresh);
  return { roles: dueRoles(expiring.filter((role) => !isAlways(role)), share, now, refresh), force };
}

function expiringOf(head: Head, row: RoleRow): Expiring {
  const kind: RoleKind = row.kind;
  return { role: row.role, bin: kind === "bins", lifetimeMs: lifetimeMs(head.expiry, kind, row.role), expiresMs: row.expiresMs };
}
