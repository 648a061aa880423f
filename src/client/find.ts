// Which role speaks for a path: the pre-order walk through the delegations (TUF 5.6.7).

import type { TargetFile } from "../tuf/documents.ts";
import { delegationsFor } from "../tuf/search.ts";
import { ClientError } from "./errors.ts";
import { loadRole } from "./roles.ts";
import { own } from "../lib/own.ts";
import type { Session } from "./session.ts";

export interface Found {
  readonly path: string;
  /** The role that lists it, and that role's version. */
  readonly role: string;
  readonly version: number;
  readonly target: TargetFile;
}

/**
 * The first entry for `path` in order of priority; undefined when no role on the way lists it.
 * A role is visited once; a terminating delegation ends the search after its own subtree.
 * @throws ClientError `delegations-limit` when roles remain after 32; TufError or ClientError
 *         when a role on the way cannot be had or verified: what a more trusted role might
 *         say must not be skipped
 */
export async function find(session: Session, path: string): Promise<Found | undefined> {
  let remaining: { readonly role: string; readonly delegator: string }[] = [{ role: "targets", delegator: "root" }];
  const visited = new Set<string>();
  for (let next = remaining.pop(); next !== undefined; next = remaining.pop()) {
    const { role, delegator } = next;
    if (visited.has(role)) continue;
    // targets itself is no delegation.
    if (visited.size > session.limits.delegations) {
      throw new ClientError("delegations-limit", `${JSON.stringify(path)} was not found in the first ${String(session.limits.delegations)} delegated roles; a client searches no more`);
    }
    const { signed } = await loadRole(session, role, delegator);
    visited.add(role);
    const target = own(signed.targets, path);
    if (target !== undefined) return { path, role, version: signed.version, target };

    const children: { role: string; delegator: string }[] = [];
    for (const { name, terminating } of delegationsFor(signed, path)) {
      children.push({ role: name, delegator: role });
      if (terminating) {
        remaining = [];
        break;
      }
    }
    remaining.push(...children.reverse());
  }
  return undefined;
}
