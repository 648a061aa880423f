// A change of one role's delegation as a unit: what it moves, and whose envelopes it takes (rule 25).

import type { NewSigningEvent, SettingValue, SigningEvent } from "../ports/database.ts";
import { StorageError } from "../ports/storage.ts";
import { changedDelegators } from "../roles/delegation-edit.ts";
import { expiresAfter, expiryPolicyOf, lifetimeMs, signingWindowSetting } from "../roles/policy.ts";
import { unitIn, type EventNote, type PendingEdit } from "../roles/pending-edit.ts";
import { canonicalString, envelopeBytes } from "../tuf/canonical.ts";
import type { Json } from "../tuf/documents.ts";
import type { PublisherDeps } from "./deps.ts";
import { authorityOf, type Head } from "./head.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { askedOf, peopleOf, redelegatedBy } from "./people.ts";
import { composeRole } from "./press.ts";
import { NO_REHOMING, rehome, type Rehoming } from "./rehome.ts";
import type { RoleAuthority } from "./seal.ts";

export interface Unit {
  readonly edit: PendingEdit;
  /** The head once it is carried out. */
  readonly next: Head;
  readonly rehoming: Rehoming;
}

/** The edit carried out on `head`; its `signs` are found anew. @throws RoleError `delegations-refused` when it can't be any more */
export async function unitOf(deps: PublisherDeps, head: Head, edit: PendingEdit): Promise<Unit> {
  const next = await withLifetime(deps, redelegatedBy(head, edit), edit);
  const moved = await rehomeIfSigned(deps, head, next);
  return { edit: { ...edit, signs: signersOf(head, next, edit.name, moved) }, next, rehoming: moved };
}

/** Roles of `next` whose envelopes people have to sign for it, sorted. */
export function signersOf(head: Head, next: Head, name: string, { edits }: Rehoming): readonly string[] {
  const people = askedOf(next);
  const signs = new Set([...edits.keys(), ...changedDelegators(head.tree, next.tree)].filter((role) => people.has(role)));
  if (people.has(name) && !isSignedAlike(head, next, name)) signs.add(name);
  return [...signs].sort();
}

/** What `rehome` finds; nothing is read when people sign no role of either. */
export async function rehomeIfSigned(deps: PublisherDeps, head: Head, next: Head): Promise<Rehoming> {
  return peopleOf(head).size + peopleOf(next).size === 0 ? NO_REHOMING : await rehome(deps, head, next);
}

/** What is published of `name` verifies after the change as it did before. */
function isSignedAlike(head: Head, next: Head, name: string): boolean {
  return head.tree.custom.some((role) => role.name === name) && sameAuthority(trimmed(authorityOf(head, name)), trimmed(authorityOf(next, name)));
}

export async function withLifetime(deps: Pick<PublisherDeps, "database">, head: Head, { name, days }: Pick<PendingEdit, "name" | "days">): Promise<Head> {
  if (days === undefined) return head;
  return { ...head, expiry: expiryPolicyOf({ ...(await deps.database.settings()), [`${name}_expiration`]: days }) };
}

/** A deleted role's lifetime and window go with it. */
export const settingsOfEdit = ({ action, name, days, window }: PendingEdit): Record<string, SettingValue> =>
  action === "delete" ? forgottenTimes(name) : timesOf(new Map(days === undefined ? [] : [[name, days]]), new Map(window === undefined ? [] : [[name, window]]));

/** As the settings keep the lifetimes and signing windows of roles, days. */
export const timesOf = (days: ReadonlyMap<string, number>, windows: ReadonlyMap<string, number>): Record<string, SettingValue> =>
  Object.fromEntries([...[...days].map(([role, count]) => [`${role}_expiration`, count] as const), ...[...windows].map(([role, count]) => [signingWindowSetting(role), count] as const)]);

export const forgottenTimes = (role: string): Record<string, SettingValue> => ({ [`${role}_expiration`]: null, [signingWindowSetting(role)]: null });

/** Changes of a role's artifacts that its next version carries, and what they make of it. */
export interface Carried {
  readonly changes: NonNullable<NewSigningEvent["changes"]>;
  readonly edits: ReadonlyMap<string, string | undefined>;
}

/** The signing events a unit takes, on documents as of now. `carried`: what the role of the edit lists differently with it. @throws Unpressable */
export async function eventsOf(deps: PublisherDeps, hold: LeaseHold, { edit, next, rehoming }: Unit, task: string, carried?: Carried): Promise<readonly NewSigningEvent[]> {
  const events: NewSigningEvent[] = [];
  for (const role of edit.signs) {
    const moved = rehoming.edits.get(role);
    const [edits, changes] = role === edit.name && carried !== undefined ? [bothEdits(moved, carried.edits), carried.changes] : [moved, []];
    events.push(await eventOf(deps, hold, next, role, edits, { task, edit, changes }));
  }
  return events;
}

/** What moves, and then what is asked for: the last word on a path is a request's. */
export const bothEdits = (moved: Carried["edits"] | undefined, asked: Carried["edits"] | undefined): Carried["edits"] => new Map([...(moved ?? []), ...(asked ?? [])]);

interface EventCause extends Pick<EventNote, "edit" | "targets" | "also" | "root"> {
  readonly task?: string;
  /** Who is to sign, when that is not who signs it in `head`. */
  readonly authority?: RoleAuthority;
  readonly changes?: NewSigningEvent["changes"];
}

/** The next version of `role`, to be signed: its number allocated, its name free, its life begun (rule 24). @throws Unpressable */
export async function eventOf(deps: PublisherDeps, hold: LeaseHold, head: Head, role: string, edits: ReadonlyMap<string, string | undefined> | undefined, { task = "", changes = [], authority = authorityOf(head, role), ...note }: EventCause): Promise<NewSigningEvent> {
  const { clock, database, random } = deps;
  const current = head.id === "" ? [] : ((await database.readTargets(head.id, [role])).get(role) ?? []);
  const startedMs = clock.now();
  const expires = expiresAfter(startedMs, lifetimeMs(head.expiry, "delegated", role)).text;
  const version = await freeVersion(deps, hold, role);
  const canonical = composeRole(head, role, { version, expires }, current, edits);
  return {
    id: random.hex(16), role, kind: "delegated", version, document: envelopeBytes(canonical, []), signatures: [], task, startedMs,
    note: asNote({ ...note, authority: trimmed(authority), ...(note.also === undefined ? {} : { also: trimmed(note.also) }) }), changes,
  };
}

/** As the database keeps it. */
const asNote = (note: EventNote): SettingValue => JSON.parse(JSON.stringify(note)) as SettingValue;

/** A number under which storage holds nothing of `role`: what people sign can't be pressed anew under another. */
async function freeVersion({ database, storage }: PublisherDeps, hold: LeaseHold, role: string): Promise<number> {
  let version = await database.allocate(hold.lease, 1, 0);
  for (let tries = 0; await isTaken(storage, `${String(version)}.${role}.json`); tries++) version = await database.allocate(hold.lease, 1, version + 2 ** Math.min(tries, 20));
  return version;
}

/** @param by the file that may be there */
export async function isTaken(storage: PublisherDeps["storage"], name: string, by?: Buffer): Promise<boolean> {
  try {
    const found = await storage.read(name, by?.length ?? 1);
    return found !== undefined && by?.equals(found.bytes) !== true;
  } catch (error) {
    if (error instanceof StorageError && (error.code === "too-large" || error.code === "denied")) return true;
    throw error;
  }
}

/** Those keys alone that the role names. */
function trimmed({ keys, role }: RoleAuthority): RoleAuthority {
  return { keys: Object.fromEntries(Object.entries(keys).filter(([keyid]) => role.keyids.includes(keyid))), role: { keyids: role.keyids, threshold: role.threshold } };
}

export function sameAuthority(a: RoleAuthority, b: RoleAuthority): boolean {
  const text = (authority: RoleAuthority): string => canonicalString(trimmed(authority) as unknown as Json);
  return text(a) === text(b);
}

/** Whether a version of the role waits for signatures of people, or has them and is not published yet. */
export const isBeingSigned = (role: string, events: readonly SigningEvent[]): boolean => events.some((event) => event.kind === "delegated" && event.role === role && event.state !== "cancelled");

/** The events that are published together. */
export function unitEvents(events: readonly SigningEvent[], unit: string): readonly SigningEvent[] {
  return events.filter((event) => event.kind === "delegated" && event.state !== "cancelled" && unitIn(event)?.unit === unit);
}

