// Pressing the roles of a batch: read, merge, compose, sign, verify, put (rules 10, 11).
//
// Roles go in slices: while the files of one slice become durable, the next is composed and
// signed. Memory holds two slices, whatever the batch. When this returns, every role's file
// is durable under a name never used before.

import { atOnce } from "../lib/at-once.ts";
import { DatabaseError, type Lease, type Move, type RoleResult } from "../ports/database.ts";
import type { Rest } from "../ports/rest.ts";
import type { Created, NewFile } from "../ports/storage.ts";
import { RoleError } from "../roles/errors.ts";
import { expiresAfter, lifetimeMs } from "../roles/policy.ts";
import { mergeTargets, pressTargets, type RoleEdits, type TargetEntry } from "../roles/targets.ts";
import { sha256Hex } from "../tuf/crypto.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import { authoritiesOf, kindOf, type Head } from "./head.ts";
import type { Sealer } from "./seal.ts";

export interface PressedFile extends NewFile {
  readonly result: RoleResult;
}

/** What pressing a role takes of a head. */
export type PressHead = Pick<Head, "id" | "root" | "also" | "tree" | "expiry">;

/** On whose account roles are pressed: the leader's for its batch, or a claim's for its share. */
export interface Account {
  /** @throws when it may go no further */
  require(): void;
  /** Keeps the results of files that are durable. */
  keep(results: readonly RoleResult[]): Promise<void>;
  move(moves: readonly Move[]): Promise<void>;
  /** More versions, all above `above`. Answers the first. */
  allocate(count: number, above: number): Promise<number>;
}

export interface PressOrder {
  readonly head: PressHead;
  /** Sorted; role i is pressed as version firstVersion + i. */
  readonly roles: readonly string[];
  readonly edits: ReadonlyMap<string, ReadonlyMap<string, string | undefined>>;
  readonly firstVersion: number;
  readonly nowMs: number;
  /** Where what roles list comes from, when not from themselves. */
  readonly source?: Source;
  readonly overtaking?: Passing;
}

/** Lets others be published between the roles that are pressed, and while nothing is (overtake.ts). */
export interface Passing {
  pass(): Promise<void>;
  during<T>(work: Promise<T>): Promise<T>;
  /** Resolves when nobody passes. */
  readonly passed: Rest;
  /** What they made the head. */
  readonly head: Pick<Head, "id">;
}

/** What roles list before the edits of the batch, and who moved for that. */
export type Source = (roles: readonly string[]) => Promise<{ readonly targets: ReadonlyMap<string, readonly TargetEntry[]>; readonly moves: readonly Move[] }>;

/** A role, or paths of it, that cannot be pressed: the batch is planned again without those changes. */
export class Unpressable extends PublisherError {
  readonly role: string;
  /** The offending paths; all edits of the role when absent. */
  readonly paths: readonly string[] | undefined;

  constructor(role: string, paths: readonly string[] | undefined, cause: RoleError) {
    super("unpressable", `${role}: ${cause.message}`, { cause });
    this.role = role;
    this.paths = paths;
  }
}

/**
 * How many roles a slice has: few at first, then as many as make SLICE_BYTES by the last one's
 * measure. A slice costs one flush of the disk, so that small roles want large slices (16,384
 * empty bins: 64 slices of 256 took twice the time of five), and large roles bound memory.
 */
const SLICE_ROLES = { first: 16, growth: 8, most: 4096 } as const;
const SLICE_BYTES = 8 * 1024 * 1024;
/**
 * Roles that are composed, signed and verified at once: enough for every core, and few enough that what each leaves behind is
 * garbage before the engine has copied it (16,384 empty bins: 7.0 seconds of CPU and 227 MB, 8.1 and 252 with a slice at once).
 */
const PRESSED_AT_ONCE = 32;
/** When others may pass: all that are begun together are one stretch in which nobody is heard. */
const PRESSED_BESIDE_OTHERS = 4;
/** Roles whose artifacts are read together, when others may pass: some 2 ms of a million artifacts in 16,384 bins. */
const READ_AT_ONCE = 8;

export interface Pressed {
  readonly results: readonly RoleResult[];
  /** The file of top-level targets, if it was among them: the database keeps it whole. */
  readonly targets: PressedFile | undefined;
  /** Resolves when the database has all results: before the commit, but the snapshot need not wait for it. */
  readonly staged: Promise<unknown>;
}

/** @param sealed hears the results of roles that all fit into one slice, while their files are put: which may yet fail, or take other names */
export async function pressRoles(deps: PublisherDeps, account: Account, sealer: Sealer, order: PressOrder, sealed?: (results: readonly RoleResult[]) => void): Promise<Pressed> {
  const results: RoleResult[] = [];
  const staging: Promise<void>[] = [];
  let targets: PressedFile | undefined;
  let storing: Promise<void> = Promise.resolve();
  let failure: unknown;
  const store = async (files: readonly PressedFile[]): Promise<void> => {
    account.require();
    const stored = await putFresh(deps, account, files, order, sealer);
    const fresh = stored.map((file) => file.result);
    const kept = account.keep(fresh);
    kept.catch(() => undefined);
    staging.push(kept);
    results.push(...fresh);
    targets ??= stored.find((file) => file.result.role === "targets");
  };
  try {
    let size: number = SLICE_ROLES.first;
    for (let at = 0; at < order.roles.length; ) {
      const slice = order.roles.slice(at, at + size);
      const first = order.firstVersion + at;
      const listed = listing(deps, account, order, slice);
      const files = await atOnce(order.overtaking === undefined ? PRESSED_AT_ONCE : PRESSED_BESIDE_OTHERS, slice, async (role, offset) => {
        await order.overtaking?.pass();
        return pressRole(sealer, order, role, first + offset, await listed(offset));
      });
      await (order.overtaking?.during(storing) ?? storing);
      storing = store(files);
      storing.catch(() => undefined);
      if (slice.length === order.roles.length) sealed?.(files.map(({ result }) => result));
      at += slice.length;
      size = nextSize(size, files);
    }
    await (order.overtaking?.during(storing) ?? storing);
  } catch (error) {
    failure = error;
  }
  await storing.catch((error: unknown) => { failure ??= error; });
  if (failure !== undefined) throw failure as Error;
  const staged = Promise.all(staging);
  staged.catch(() => undefined);
  return { results, targets, staged };
}

/** What each role of a slice lists: read with the slice, or, when others may pass, with those beside it as it is asked for. */
function listing(deps: PublisherDeps, account: Account, order: PressOrder, slice: readonly string[]): (offset: number) => Promise<readonly TargetEntry[]> {
  const together = order.overtaking === undefined ? slice.length : READ_AT_ONCE;
  const pieces = new Map<number, Promise<ReadonlyMap<string, readonly TargetEntry[]>>>();
  const read = async (roles: readonly string[]): Promise<ReadonlyMap<string, readonly TargetEntry[]>> => {
    const { targets, moves } = await currentOf(deps, order, roles);
    if (moves.length > 0) await account.move(moves);
    return targets;
  };
  return async (offset) => {
    const from = offset - (offset % together);
    let piece = pieces.get(from);
    if (piece === undefined) pieces.set(from, (piece = read(slice.slice(from, from + together))));
    return (await piece).get(slice[offset] as string) ?? [];
  };
}

async function currentOf(deps: PublisherDeps, order: PressOrder, roles: readonly string[]): ReturnType<Source> {
  const listing = roles.filter((role) => role !== "targets");
  if (order.source !== undefined) return order.source(listing);
  const { id } = (order.overtaking ?? order).head;
  try {
    return { targets: await deps.database.readTargets(id, listing), moves: [] };
  } catch (error) {
    if (order.overtaking === undefined || !(error instanceof DatabaseError) || error.code !== "stale-base") throw error;
    // Others moved the head while it was read.
    await order.overtaking.pass();
    if (order.overtaking.head.id === id) throw error;
    return currentOf(deps, order, roles);
  }
}

function nextSize(size: number, files: readonly PressedFile[]): number {
  const bytes = files.reduce((sum, file) => sum + file.bytes.length, 0);
  const fitting = Math.floor((SLICE_BYTES * files.length) / bytes);
  return Math.max(1, Math.min(fitting, size * SLICE_ROLES.growth, SLICE_ROLES.most));
}

async function pressRole(sealer: Sealer, order: PressOrder, role: string, version: number, current: readonly TargetEntry[]): Promise<PressedFile> {
  const { head, nowMs } = order;
  const kind = kindOf(head, role);
  const expires = expiresAfter(nowMs, lifetimeMs(head.expiry, kind, role));
  const canonical = composeRole(head, role, { version, expires: expires.text }, current, order.edits.get(role));
  return fileOf(role, version, await sealer.seal(role, canonical, ...authoritiesOf(head, role)), expires.ms);
}

/** The canonical bytes of a role: `current`, sorted, with `edits`. @throws Unpressable */
export function composeRole(head: Pick<Head, "tree">, role: string, document: { readonly version: number; readonly expires: string }, current: readonly TargetEntry[], edits: RoleEdits = new Map()): Buffer {
  const { targets, refused } = mergeTargets(current, edits);
  if (refused.length > 0) {
    throw new Unpressable(role, refused, new RoleError("path-order", `clients would order ${refused.join(", ")} differently beside the role's other paths`));
  }
  const delegations = head.tree.delegators.get(role)?.delegations;
  try {
    return pressTargets({ ...document, targets, ...(delegations === undefined ? {} : { delegations }) });
  } catch (error) {
    if (error instanceof RoleError) throw new Unpressable(role, undefined, error);
    throw error;
  }
}

export function fileOf(role: string, version: number, bytes: Buffer, expiresMs: number): PressedFile {
  return { name: `${String(version)}.${role}.json`, bytes, result: { role, version, length: bytes.length, sha256: sha256Hex(bytes), expiresMs } };
}

/** Names that met other bytes are given up and their roles pressed anew above them; so many times. */
const MAX_BURNS = 32;

/** Puts the files of a slice; a name taken by other bytes (possible only after the database lost commits) is burnt (rule 11). */
async function putFresh(deps: PublisherDeps, account: Account, files: readonly PressedFile[], order: PressOrder, sealer: Sealer): Promise<readonly PressedFile[]> {
  const done: PressedFile[] = [];
  let pending = files;
  for (let burns = 0; ; burns++) {
    const [first, ...others] = pending;
    if (first === undefined) break;
    if (burns > MAX_BURNS) throw namesTaken(first.name);
    const created: readonly Created[] = others.length === 0 ? [await deps.storage.create(first.name, first.bytes)] : await deps.storage.createAll(pending, order.overtaking?.passed);
    const burnt: PressedFile[] = [];
    for (const [at, file] of pending.entries()) {
      if (created[at] === "other") burnt.push(file);
      else done.push(file);
    }
    pending = burnt.length === 0 ? [] : await pressAnew(deps, account, burnt, order, sealer, burns);
  }
  return done;
}

const namesTaken = (name: string): PublisherError =>
  new PublisherError("names-taken", `${name} and ${String(MAX_BURNS)} names before it hold other bytes: is another repository in this storage?`);

async function pressAnew(deps: PublisherDeps, account: Account, burnt: readonly PressedFile[], order: PressOrder, sealer: Sealer, burns: number): Promise<PressedFile[]> {
  const highest = Math.max(...burnt.map((file) => file.result.version));
  const first = await account.allocate(burnt.length, highest + 2 ** Math.min(burns, 20));
  deps.telemetry.log.warn({ names: burnt.map((file) => file.name).slice(0, 10), count: burnt.length }, "names were taken by other bytes");
  const roles = burnt.map((file) => file.result.role);
  const { targets: current } = await currentOf(deps, order, roles);
  const files: PressedFile[] = [];
  for (const [at, role] of roles.entries()) files.push(await pressRole(sealer, order, role, first + at, current.get(role) ?? []));
  return files;
}

/** Snapshot and timestamp one by one, on the same terms. */
export async function putOne(deps: PublisherDeps, lease: Lease, press: (version: number) => Promise<PressedFile>, version: number): Promise<PressedFile> {
  let file = await press(version);
  for (let burns = 0; (await deps.storage.create(file.name, file.bytes)) === "other"; burns++) {
    if (burns >= MAX_BURNS) throw namesTaken(file.name);
    deps.telemetry.log.warn({ names: [file.name], count: 1 }, "names were taken by other bytes");
    file = await press(await deps.database.allocate(lease, 1, file.result.version + 2 ** Math.min(burns, 20)));
  }
  return file;
}
