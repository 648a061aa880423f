// What subscribers are told that no other transaction says: who must sign, and what is about to expire.

import type { NewNotice, RoleRow, SigningEvent } from "../ports/database.ts";
import { formatExpires, parseExpires } from "../tuf/parse.ts";
import { lifetimeMs } from "../roles/policy.ts";
import { roleStateOf } from "../roles/role-state.ts";
import { isTold } from "./answers.ts";
import type { PublisherDeps } from "./deps.ts";
import type { Head } from "./head.ts";
import type { LeaseHold } from "./lease-hold.ts";

/** Rows looked at in a tick; what is late beyond them is told in a later one. */
const MOST_ROWS = 1_000;
/** Bins are late together: one is told of, once a day. */
const DAY_MS = 86_400_000;

export class Teller {
  readonly #deps: PublisherDeps;
  readonly #signing = new Set<string>();
  /** Late at the last tick. What is late for the first time may be pressed in this very turn. */
  #late: ReadonlySet<string> = new Set();

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
  }

  /**
   * Documents that wait for people: once each. A root may have come with all signatures it needs: it waits once its
   * task was told so. A delegated role's document is composed because people must sign it.
   */
  async signing(hold: LeaseHold, events: readonly SigningEvent[]): Promise<void> {
    const waiting = events.filter((event) => event.state === "open" && (event.kind === "delegated" || isTold(event)) && !this.#signing.has(event.id));
    if (waiting.length === 0) return;
    await this.#deps.database.post(hold.lease, waiting.map(signingRequired));
    for (const { id } of waiting) this.#signing.add(id);
  }

  /** Roles that are late, or expired, and were at the last tick: nobody has signed them since. */
  async expiring(hold: LeaseHold, head: Head): Promise<void> {
    const { database, clock, policy } = this.#deps;
    const now = clock.now();
    const { targets, bins, snapshot, timestamp, delegated } = head.expiry;
    const longest = Math.max(targets, bins, snapshot, timestamp, ...delegated.values());
    const rows = await database.rolesExpiringBefore(now + (longest * policy.refresh.atRemainingFraction) / 2, MOST_ROWS);
    const root: Expiring = { role: "root", kind: "root", version: head.root.version, expiresMs: parseExpires(head.root.expires) };
    const late = [root, ...rows.filter((row) => row.kind !== "root")].flatMap((row) => {
      const state = roleStateOf({ expiresMs: row.expiresMs, lifetimeMs: lifetimeMs(head.expiry, row.kind, row.role) }, now, policy.refresh.atRemainingFraction);
      return state === "late" || state === "expired" ? [{ row, state, name: `${row.role} ${String(row.version)}` }] : [];
    });
    const notices = late.filter(({ name }) => this.#late.has(name)).map(({ row, state }) => roleExpiring(row, state, now));
    this.#late = new Set(late.map(({ name }) => name));
    const once = new Map(notices.map((notice) => [notice.once, notice]).reverse() as [string, NewNotice][]);
    if (once.size > 0) await database.post(hold.lease, [...once.values()].reverse());
  }
}

type Expiring = Pick<RoleRow, "role" | "kind" | "version" | "expiresMs">;

function signingRequired({ id, role, version }: SigningEvent): NewNotice {
  return { kind: "signing-required", about: { role, version, signing_event: id }, once: `signing ${id}` };
}

function roleExpiring({ role, kind, version, expiresMs }: Expiring, state: "late" | "expired", now: number): NewNotice {
  const once = kind === "bins" ? `expiring bins ${state} ${String(Math.floor(now / DAY_MS))}` : `expiring ${role} ${String(version)} ${state}`;
  return { kind: "role-expiring", about: { role, version, expires: formatExpires(expiresMs), state }, once };
}
