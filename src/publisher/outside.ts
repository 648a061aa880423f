// Documents that a team signed elsewhere: judged again under what is in force, and published as they came.
//
// Such a document is a change like others in the queue, and makes a batch of its own: the file byte for
// byte, and the artifacts it lists, in one head. The first one of a declared role brings its delegation
// along, so that no client ever sees the one without the other (rule 25, H26). Its version is the
// team's; before the batch is cut the counter is raised above it, so that every number of ours that
// follows is higher (rule 4, ADR 0022).
//
// Where people sign targets, a document that brings its delegation along waits for their next version, and is published
// in the head that carries both (`next-targets.ts`); later ones of that role need nobody.

import { reasonOf } from "../lib/app-error.ts";
import type { Move, OpenChange, SettingValue, SigningEvent, TaskResult } from "../ports/database.ts";
import { changedDelegators } from "../roles/delegation-edit.ts";
import { RoleError } from "../roles/errors.ts";
import { judgeOutside, type OutsideDocument } from "../roles/outside.ts";
import { withOutside } from "../roles/outside-roles.ts";
import type { PendingEdit } from "../roles/pending-edit.ts";
import { TufError } from "../tuf/errors.ts";
import type { PublisherDeps } from "./deps.ts";
import { authorityOf, type Head } from "./head.ts";
import { headChange, type HeadChange } from "./head-change.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { isAskedBelowTargets, peopleOf, redelegatedBy, SIGNED_PARENT } from "./people.ts";
import { fileOf, Unpressable, type PressedFile } from "./press.ts";
import { NameTaken, publish } from "./publish.ts";
import { rehome } from "./rehome.ts";
import type { Sealer } from "./seal.ts";
import { isBeingSigned, isTaken } from "./units.ts";

const DAY_MS = 86_400_000;

/** Whether the change is one of delegations, or a document that may bring a delegation along: then whoever delegates is signed anew. */
export const redelegates = ({ outside }: Head, { kind, role }: OpenChange): boolean => kind === "delegate" || (kind === "document" && outside.declared.some(({ name }) => name === role));

/**
 * Publishes the document, or ends its task when there is nothing to publish.
 * @returns the new head, or undefined when nothing was published
 * @throws RoleError, NameTaken, Unpressable when it can't be; what else is thrown is not its fault
 */
export async function publishDocument(deps: PublisherDeps, hold: LeaseHold, sealer: Sealer, head: Head, change: OpenChange): Promise<Head | undefined> {
  const { database, clock } = deps;
  const nowMs = clock.now();
  const { role } = change;
  const bytes = Buffer.from(change.fragment);
  const kept = head.outside.roles.has(role) ? await database.envelope(role) : undefined;
  if (kept?.bytes.equals(bytes) === true) {
    await database.endTasks(hold.lease, [{ task: change.task, result: resultOf(role, kept.version, [], nowMs) }]);
    return undefined;
  }
  const { edit, next, document } = judged(deps, head, role, bytes, nowMs);
  const moves = await movesOf(deps, head, role, document);
  const along = edit === undefined ? undefined : await alongWith(deps, head, next, edit);
  await raiseCounter(deps, hold, document.version);
  return await publish(deps, hold, sealer, {
    head: next,
    plan: { changes: [{ ...change, outcome: "apply" }], edits: along?.edits ?? new Map(), publishes: true },
    nowMs,
    signed: [fileOf(role, document.version, bytes, document.expiresMs)],
    moves: [...(along?.moves ?? []), ...moves],
    tasks: [{ task: change.task, result: resultOf(role, document.version, moves, nowMs) }],
    also: {
      envelopes: [],
      newRoles: along?.newRoles ?? [],
      retiredRoles: along?.retiredRoles ?? [],
      settings: { ...along?.settings, ...lifetimeOf(role, document, nowMs) },
    },
  });
}

interface Judged {
  readonly edit: PendingEdit | undefined;
  readonly next: Head;
  readonly document: OutsideDocument;
}

/** Under the delegation that is declared, if it is signed for that; else under the one in force. @throws RoleError */
function judged(deps: PublisherDeps, head: Head, role: string, bytes: Buffer, nowMs: number): Judged {
  const edit = head.outside.declared.find(({ name }) => name === role);
  const inForce = head.outside.roles.has(role);
  if (edit === undefined && !inForce) throw new RoleError("document-refused", `no role ${role} is signed outside any more`);
  const judge = (next: Head, by: PendingEdit | undefined): Judged => {
    const rules = {
      role, tree: next.tree, authority: authorityOf(next, role), lastVersion: head.book.version(role) ?? 0, now: nowMs,
      marginMs: deps.policy.refresh.marginMs, artifacts: Number.MAX_SAFE_INTEGER, customBytes: Number.MAX_SAFE_INTEGER,
    };
    return { edit: by, next, document: judgeOutside(bytes, rules) };
  };
  if (edit === undefined) return judge(head, undefined);
  try {
    const after = redelegatedBy(head, edit);
    const declared = head.outside.declared.filter((other) => other !== edit);
    return judge({ ...after, outside: withOutside({ ...after.outside, declared }, role, true) }, edit);
  } catch (error) {
    if (!(error instanceof RoleError) || !inForce) throw error;
    try {
      return judge(head, undefined);
    } catch {
      throw error;
    }
  }
}

/** The document waits for the next version of targets: it brings a delegation along that people have to sign, or that theirs would undo. */
export function waitsWithTargets(deps: PublisherDeps, head: Head, change: OpenChange, events: readonly SigningEvent[]): boolean {
  if (!redelegates(head, change) || (!peopleOf(head).has("targets") && !isBeingSigned("targets", events))) return false;
  try {
    const { edit, next } = judged(deps, head, change.role, Buffer.from(change.fragment), deps.clock.now());
    return edit !== undefined && changedDelegators(head.tree, next.tree).includes("targets");
  } catch (error) {
    if (error instanceof RoleError) return false;
    throw error;
  }
}

/** A document that comes with a version of targets: its delegation, its file, what it lists. */
export interface Arrival {
  readonly change: OpenChange;
  /** The head with it. */
  readonly next: Head;
  readonly document: OutsideDocument;
  readonly moves: readonly Move[];
}

/** @param head what is in force. @param before what it comes after. @throws RoleError, NameTaken */
export async function arrivalOf(deps: PublisherDeps, head: Head, before: Head, change: OpenChange): Promise<Arrival> {
  const { role } = change;
  const bytes = Buffer.from(change.fragment);
  const { next, document } = judged(deps, before, role, bytes, deps.clock.now());
  // Found before people sign: its version can't be another.
  const name = `${String(document.version)}.${role}.json`;
  if (await isTaken(deps.storage, name, bytes)) throw new NameTaken(role, name);
  return { change, next, document, moves: await movesOf(deps, head, role, document) };
}

export const fileOfArrival = ({ change, document }: Arrival): PressedFile => fileOf(change.role, document.version, Buffer.from(change.fragment), document.expiresMs);

export const lifetimeOf = (role: string, { expiresMs }: OutsideDocument, nowMs: number): Record<string, SettingValue> =>
  ({ [`${role}_expiration`]: Math.max(1, Math.round((expiresMs - nowMs) / DAY_MS)) });

export const resultOfArrival = ({ change, document, moves }: Arrival, nowMs: number): TaskResult => resultOf(change.role, document.version, moves, nowMs);

/** What becomes of the artifacts the role lists. */
async function movesOf({ database }: PublisherDeps, head: Head, role: string, document: OutsideDocument): Promise<readonly Move[]> {
  const before = new Map(((await database.readTargets(head.id, [role])).get(role) ?? []).map(({ path, fragment }) => [path, fragment]));
  const moves: Move[] = [];
  for (const { path, fragment } of document.targets) {
    if (before.get(path) !== fragment) moves.push({ path, from: role, to: role, fragment });
    before.delete(path);
  }
  for (const path of before.keys()) moves.push({ path, from: role, to: undefined });
  return moves;
}

/** The delegation that comes with it. @throws RoleError when it takes artifacts from a role that people sign */
async function alongWith(deps: PublisherDeps, head: Head, next: Head, edit: PendingEdit): Promise<HeadChange & { readonly moves: readonly Move[] }> {
  const rehoming = await rehome(deps, head, next, new Set([edit.name]));
  const people = peopleOf(next);
  const signer = [...rehoming.edits.keys()].find((role) => people.has(role));
  // They were not asked when it was declared: then this service signed its parent.
  if (isAskedBelowTargets(head, edit.parent)) throw new RoleError("document-refused", `${SIGNED_PARENT(edit.parent)}: delete role ${edit.name}, and add it below another parent`);
  if (signer !== undefined) throw new RoleError("document-refused", `role ${signer}, which people sign, lists artifacts that ${edit.name} would take: remove them first`);
  return { ...headChange(deps, head, next, rehoming, { live: [] }), moves: rehoming.moves };
}

/** Whatever the service numbers from now on is above it. */
export async function raiseCounter({ database }: PublisherDeps, hold: LeaseHold, version: number): Promise<void> {
  if ((await database.publisher()).counter < version) await database.allocate(hold.lease, 1, version);
}

function resultOf(role: string, version: number, moves: readonly Move[], nowMs: number): TaskResult {
  const removed = moves.filter(({ to }) => to === undefined).length;
  return { state: "SUCCESS", message: "Delegated Metadata Published", details: { role, version, changed_artifacts: moves.length - removed, removed_artifacts: removed }, lastUpdateMs: nowMs };
}

/** The end of a document that can't be published, or undefined when the fault lies elsewhere. */
export function refusedDocument(error: unknown, nowMs: number): TaskResult | undefined {
  const itsFault = error instanceof RoleError || error instanceof TufError || error instanceof NameTaken || error instanceof Unpressable;
  return itsFault ? failedDocument(reasonOf(error), nowMs) : undefined;
}

export function failedDocument(reason: string, nowMs: number): TaskResult {
  return { state: "FAILURE", message: `Delegated Metadata Refused: ${reason}`, error: reason, lastUpdateMs: nowMs };
}
