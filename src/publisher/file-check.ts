// Files that clients need and that went missing or bad in storage, found before clients complain.
//
// The timestamp is compared on every tick (project.ts). Here, on each tick, the head's snapshot
// and targets are read whole and compared with what was committed, and a bounded number of the
// other roles, in turn: with 16,384 bins and a tick a minute each is read within five hours.
// What is not as committed is pressed again under a new version: a name is never written twice.

import { StorageError } from "../ports/storage.ts";
import { rolesOf } from "../roles/delegation.ts";
import { sha256Hex } from "../tuf/crypto.ts";
import type { PublisherDeps } from "./deps.ts";
import type { Due } from "./due.ts";
import type { Head } from "./head.ts";
import { peopleOf, successorNeededBy } from "./people.ts";

/** Roles read per tick, beside targets and snapshot. */
export const ROLES_PER_TICK = 64;

export class FileCheck {
  #next = 0;

  /** Roles to press again; `force` for the snapshot. Everything committed is folded. @throws StorageError when storage does not answer */
  async due(deps: PublisherDeps, head: Head): Promise<Due> {
    const people = peopleOf(head);
    const others = rolesOf(head.tree);
    const from = this.#next < others.length ? this.#next : 0;
    this.#next = from + ROLES_PER_TICK;
    const roles: string[] = [];
    const signed: string[] = [];
    for (const role of ["targets", ...others.slice(from, this.#next)]) {
      if (!(await isDamaged(deps, role))) continue;
      if (successorNeededBy(head, role) !== undefined) continue;
      if (!people.has(role)) roles.push(role);
      else if (!(await putBack(deps, role))) signed.push(role);
    }
    return { roles, people: signed, force: await isDamaged(deps, "snapshot") };
  }
}

/** What people signed is kept whole: a file that is gone is there again, one that holds other bytes is not. */
async function putBack({ database, storage, telemetry }: PublisherDeps, role: string): Promise<boolean> {
  const kept = await database.envelope(role);
  if (kept === undefined) return false;
  const name = `${String(kept.version)}.${role}.json`;
  const done = (await storage.create(name, kept.bytes)) !== "other";
  if (done) telemetry.log.warn({ name }, "put back a file that people signed");
  return done;
}

async function isDamaged({ database, storage, telemetry }: PublisherDeps, role: string): Promise<boolean> {
  const row = await database.role(role);
  if (row === undefined) return false;
  const name = `${String(row.version)}.${role}.json`;
  const reason = await faultOf(storage, name, row);
  if (reason === undefined) return false;
  telemetry.metrics.error("storage", "damaged-file");
  telemetry.log.error({ name, reason }, "found a metadata file damaged");
  return true;
}

async function faultOf(storage: PublisherDeps["storage"], name: string, row: { readonly length: number; readonly sha256: string }): Promise<string | undefined> {
  try {
    const file = await storage.read(name, Math.max(row.length, 1));
    if (file === undefined) return "it is missing";
    return sha256Hex(file.bytes) === row.sha256 ? undefined : "it holds other bytes than were committed";
  } catch (error) {
    if (error instanceof StorageError && (error.code === "too-large" || error.code === "denied")) return error.message;
    throw error;
  }
}
