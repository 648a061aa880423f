// One batch, from cut to visible.
//
// It keeps four promises, in this order, also across a crash at any line:
//  1. A file that clients can reach refers only to files already durable: roles, then
//     snapshot, then the commit, then timestamp.json (TUF 6.3, promise 1).
//  2. The head moves by compare-and-swap under the lease; a publisher that lost its lease can
//     put files nobody refers to, and can never move the head (promise 2).
//  3. timestamp.json is replaced last, by the same projection that recovery runs (promise 3).
//  4. A task ends only when clients can see its effect: its result is staged with the batch and
//     counts once the batch is visible (promise 4, rule 16).
// A crash before the commit leaves orphans below the counter and a batch that recovery drops;
// after it, recovery projects and folds. See docs/design/publishing.md for the crash table.

import type { Commit, Database, Move, RoleResult, RoleRow, TaskResult } from "../ports/database.ts";
import { expiresAfter, lifetimeMs } from "../roles/policy.ts";
import type { SnapshotEntry } from "../roles/snapshot.ts";
import { pressTimestamp } from "../roles/timestamp.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import { requireThreshold } from "../tuf/threshold.ts";
import type { Behind } from "./behind.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import { authoritiesOf, kindOf, type Head } from "./head.ts";
import type { LeaseHold } from "./lease-hold.ts";
import type { Plan, PlannedChange } from "./plan.ts";
import { pressShared } from "./claim.ts";
import { fileOf, pressRoles, putOne, Unpressable, type Account, type PressedFile, type Passing, type PressOrder, type Source } from "./press.ts";
import { ensureRoots, project } from "./project.ts";
import { importResult, NAMED, taskResult, type AskedTask } from "./results.ts";
import type { Sealer } from "./seal.ts";
import { isShared } from "./share.ts";

/** Nothing is committed that expires within this time, milliseconds. */
const MIN_LIFE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Rows that are folded at a call: the database sees to it that accepting a request waits for few of them. */
const FOLD_ROWS = 4_000;

export interface PublishOrder {
  readonly head: Head;
  readonly plan: Plan;
  readonly nowMs: number;
  /** What else becomes true with the head. */
  readonly also?: Pick<Commit, "envelopes" | "newRoles" | "retiredRoles" | "settings" | "endsEvents" | "events">;
  /** Files that people signed, in the place of what would be pressed; they are kept whole. */
  readonly signed?: readonly PressedFile[];
  /** The signing events that carry some of its changes. */
  readonly events?: readonly string[];
  /** Artifacts that change their role with it; their edits are in the plan. */
  readonly moves?: readonly Move[];
  /** As of `PressOrder`. */
  readonly source?: Source;
  /** Where its rows may follow, when the next batch is of other roles. */
  readonly behind?: Behind;
  readonly overtaking?: Overtaking;
  /** Begins what is done for the next batch while the database cuts this one; fails by itself. */
  readonly meanwhile?: () => void;
  /** It is published while another is pressed, or its rows follow; tasks that are that one's, too, are these: they end with it, or later. It waits for no rows. */
  readonly overtakes?: ReadonlySet<string>;
  /** Tasks that end with this batch, beside those of its changes. */
  readonly tasks?: readonly { readonly task: string; readonly result: TaskResult }[];
}

/** Publishes, and answers the new head. @throws what any step throws; then the batch, if open, is still open. */
export async function publish(deps: PublisherDeps, hold: LeaseHold, sealer: Sealer, order: PublishOrder): Promise<Head> {
  const { database, clock, telemetry } = deps;
  const { plan } = order;
  const started = clock.monotonic();
  const signed = order.signed ?? [];
  const roles = [...plan.edits.keys()].filter((role) => !signed.some(({ result }) => result.role === role)).sort();

  const batch = deps.random.hex(16);
  telemetry.log.debug({ batch, changes: plan.changes.length, roles: roles.length }, "planned batch");
  const shared = isShared(deps.policy.share, roles, order);
  const overtaking = shared ? undefined : order.overtaking;
  // Whoever came since the last batch; and while this one is cut, which takes a third of its time.
  await overtaking?.pass();
  const head = overtaking?.head ?? order.head;
  const pressedAtMs = Math.max(order.nowMs, head.pressedAtMs);
  // The database keeps targets whole, so whoever commits it presses it.
  const own = shared ? roles.filter((role) => role === "targets") : roles;
  const cutting = database.cut(hold.lease, { id: batch, base: head.id, changes: plan.changes, roles: own, ...(order.events === undefined ? {} : { events: order.events }) }, overtaking?.passed);
  order.meanwhile?.();
  const { firstVersion } = await (overtaking?.during(cutting) ?? cutting);
  telemetry.log.debug({ batch, changes: plan.changes.length, roles: roles.length, firstVersion }, "cut batch");

  const newKinds = new Map(order.also?.newRoles?.map((role) => [role.name, role.kind]));
  const entriesOf = (some: readonly RoleResult[]): SnapshotEntry[] => some.map((result) => entryOf(result, newKinds.get(result.role) ?? kindOf(head, result.role)));
  /** Of few roles the snapshot is composed and signed while their files are put: 16,384 bins' takes as long as the disk. It is put after them, and only if they got the names it says. */
  let ahead: { readonly results: readonly RoleResult[]; readonly snapshot: Promise<PressedFile> } | undefined;
  const press: PressOrder = { head, roles: own, edits: plan.edits, firstVersion, nowMs: pressedAtMs, ...(order.source === undefined ? {} : { source: order.source }), ...(overtaking === undefined ? {} : { overtaking }) };
  const pressed = await pressRoles(deps, leadersAccount(database, hold, batch), sealer, press, shared || overtaking !== undefined || signed.length > 0 ? undefined : (some) => {
    ahead = { results: some, snapshot: pressSnapshot(sealer, head, entriesOf(some), firstVersion + own.length, pressedAtMs) };
    ahead.snapshot.catch(() => undefined);
  });
  const { targets } = pressed;
  const all = shared ? await pressShared(deps, hold, sealer, batch, { ...press, roles: roles.filter((role) => role !== "targets") }) : pressed.results;
  const results = [...all, ...(await putSigned(deps, hold, batch, head, signed))];
  if (order.moves !== undefined && order.moves.length > 0) await database.stageMoves(hold.lease, batch, order.moves);
  // From here on nobody passes. What tasks end with it is asked only now: who passed may have had all other changes of one.
  await overtaking?.until(pressed.staged);
  // Beside the snapshot, which they need not be durable for; the commit is.
  const staged = Promise.all([pressed.staged, stageTasks(deps, hold, batch, order, results.map(({ role }) => role).sort())]);
  staged.catch(() => undefined);
  telemetry.log.debug({ batch, roles: results.length }, "pressed roles");

  // The rows before a long batch; of one that is overtaken, while others pass.
  if (order.overtakes === undefined && overtaking === undefined) await order.behind?.ended();
  const { head: base, snapshotVersion, atMs } = await onto(deps, hold, batch, overtaking?.head ?? head, { head, snapshotVersion: firstVersion + own.length, atMs: pressedAtMs });
  const entries = entriesOf(results);
  const asSaid = base === head && ahead?.results.length === results.length && results.every((result, at) => result === ahead?.results[at]) ? ahead.snapshot : undefined;
  const snapshot = await putOne(deps, hold.lease, (version) => (version === firstVersion + own.length ? asSaid : undefined) ?? pressSnapshot(sealer, base, entries, version, atMs), snapshotVersion);
  const timestamp = await pressTimestampFile(sealer, base, snapshot, snapshotVersion + 1, atMs);
  telemetry.log.debug({ batch, version: snapshot.result.version }, "put snapshot");
  await staged;
  requireLife([...results, snapshot.result, timestamp.result], clock.now());

  hold.require();
  const { seq } = await database.commit(hold.lease, {
    batch,
    base: base.id,
    pressedAtMs: atMs,
    timestamp: { ...timestamp.result, bytes: timestamp.bytes },
    snapshot: snapshot.result,
    garbageNotBeforeMs: base.timestampExpiresMs + deps.policy.edgeStaleMs + DAY_MS,
    ...order.also,
    envelopes: [...(order.also?.envelopes ?? []), ...signed.map(({ result, bytes }) => ({ role: result.role, version: result.version, bytes })), ...(targets === undefined ? [] : [{ role: "targets", version: targets.result.version, bytes: targets.bytes }])],
  });
  telemetry.log.debug({ batch, seq }, "committed batch");

  if (order.also !== undefined) await ensureRoots(deps, hold);
  await project(deps, hold);
  head.book.adopt(entries);
  const seconds = (clock.monotonic() - started) / 1000;
  telemetry.metrics.publishSeconds(seconds, roles.length, plan.changes.length);
  telemetry.metrics.lastPublish(clock.now() / 1000);
  telemetry.log.info({ batch, seq, roles: roles.length, changes: plan.changes.length, durationMs: Math.round(seconds * 1000) }, "published batch");

  const fold = (): Promise<void> => foldAll(deps, hold, order.behind).then(() => { telemetry.log.debug({ batch, seq }, "folded batch"); });
  if (order.behind === undefined) await fold();
  else order.behind.begin(results.map(({ role }) => role), fold);
  return { ...base, id: timestamp.result.sha256, seq, pressedAtMs: atMs, timestampExpiresMs: timestamp.result.expiresMs };
}

/** Others may be published while a long batch is pressed. */
interface Overtaking extends Passing {
  readonly head: Head;
  until(work: Promise<unknown>): Promise<void>;
}

interface Onto {
  readonly head: Head;
  /** The timestamp's is the one after it. */
  readonly snapshotVersion: number;
  readonly atMs: number;
}

/** What snapshot and timestamp are composed over: the head the batch was cut on, or the one that others made while it was pressed. */
async function onto({ database }: PublisherDeps, hold: LeaseHold, batch: string, head: Head, cut: Onto): Promise<Onto> {
  if (head.id === cut.head.id) return cut;
  hold.require();
  return { head, atMs: Math.max(cut.atMs, head.pressedAtMs), snapshotVersion: (await database.rebase(hold.lease, batch, head.id)).snapshotVersion };
}

function leadersAccount(database: Database, hold: LeaseHold, batch: string): Account {
  return {
    require: () => { hold.require(); },
    keep: (results) => database.stageResults(hold.lease, batch, results),
    move: (moves) => database.stageMoves(hold.lease, batch, moves),
    allocate: (count, above) => database.allocate(hold.lease, count, above),
  };
}

/**
 * The files of people, as they signed them: verified under this head, and durable when it returns. Their names are never
 * given up: what people signed says its version (rule 11).
 * @throws NameTaken
 */
async function putSigned(deps: PublisherDeps, hold: LeaseHold, batch: string, head: Head, files: readonly PressedFile[]): Promise<readonly RoleResult[]> {
  const results = files.map(({ result }) => result);
  for (const { name, bytes, result: { role } } of files) {
    for (const { keys, role: roleKeys } of authoritiesOf(head, role)) requireThreshold(role, keys, roleKeys, parseEnvelope(bytes, "targets"));
    hold.require();
    if ((await deps.storage.create(name, bytes)) === "other") throw new NameTaken(role, name);
  }
  if (results.length > 0) await deps.database.stageResults(hold.lease, batch, results);
  return results;
}

/** The name of a file that people signed holds other bytes: possible only after the database lost commits. */
export class NameTaken extends PublisherError {
  readonly role: string;

  constructor(role: string, name: string) {
    super("names-taken", `storage holds another ${name} than the one that was signed`);
    this.role = role;
  }
}

/** Brings the rows up to the committed batches, slice by slice; when they follow `behind`, only while they may. */
export async function foldAll({ database }: Pick<PublisherDeps, "database">, hold: LeaseHold, behind?: Behind): Promise<void> {
  do await behind?.turn(); while ((await database.fold(hold.lease, FOLD_ROWS, behind?.isAwaited === false)).remaining);
}

async function pressSnapshot(sealer: Sealer, head: Head, entries: readonly SnapshotEntry[], version: number, nowMs: number): Promise<PressedFile> {
  const expires = expiresAfter(nowMs, lifetimeMs(head.expiry, "snapshot", "snapshot"));
  const canonical = head.book.press({ version, expires: expires.text }, entries);
  return fileOf("snapshot", version, await sealer.seal("snapshot", canonical, ...authoritiesOf(head, "snapshot")), expires.ms);
}

async function pressTimestampFile(sealer: Sealer, head: Head, snapshot: PressedFile, version: number, nowMs: number): Promise<PressedFile> {
  const expires = expiresAfter(nowMs, lifetimeMs(head.expiry, "timestamp", "timestamp"));
  const canonical = pressTimestamp({ version, expires: expires.text, snapshot: snapshot.result });
  return fileOf("timestamp", version, await sealer.seal("timestamp", canonical, ...authoritiesOf(head, "timestamp")), expires.ms);
}

function entryOf(result: RoleResult, kind: RoleRow["kind"]): SnapshotEntry {
  return { role: result.role, version: result.version, length: result.length, sha256: result.sha256, bin: kind === "bins" };
}

function requireLife(results: readonly RoleResult[], now: number): void {
  const short = results.find((result) => result.expiresMs <= now + MIN_LIFE_MS);
  if (short !== undefined) {
    throw new PublisherError("expires-too-soon", `${short.role} would expire at ${new Date(short.expiresMs).toISOString()}, within a minute: its expiration setting or the clock is wrong`);
  }
}

/** Stages the results of the tasks whose last changes are in this batch. */
async function stageTasks(deps: PublisherDeps, hold: LeaseHold, batch: string, order: PublishOrder, roles: readonly string[]): Promise<void> {
  const given = order.tasks ?? [];
  const others = order.plan.changes.filter((change) => !given.some(({ task }) => task === change.task) && order.overtakes?.has(change.task) !== true);
  const all = [...(await endingTasks(deps, others, roles, order.nowMs)), ...given];
  if (all.length > 0) await deps.database.stageTaskResults(hold.lease, batch, all);
}

/** Of the tasks of `changes`, those with no other open change, and their results. */
export async function endingTasks(
  deps: PublisherDeps,
  changes: readonly PlannedChange[],
  publishedRoles: readonly string[],
  nowMs: number,
): Promise<readonly { readonly task: string; readonly result: TaskResult }[]> {
  const byTask = new Map<string, PlannedChange[]>();
  for (const change of changes) {
    const own = byTask.get(change.task);
    if (own === undefined) byTask.set(change.task, [change]);
    else own.push(change);
  }
  const ending: { task: string; result: TaskResult }[] = [];
  const rows = byTask.size === 0 ? new Map<string, AskedTask>() : await deps.database.requestsOf([...byTask.keys()]);
  for (const [task, own] of byTask) {
    const row = rows.get(task);
    if (row === undefined) continue;
    if (row.kind === "import_artifacts") {
      const remainder = await deps.database.importRemainder(task, NAMED);
      if (!remainder.open) ending.push({ task, result: importResult(row, remainder, nowMs) });
      continue;
    }
    const ended = await wholeTask(deps, task, own, row.request.paths?.length ?? row.request.roles?.length ?? own.length);
    if (ended !== undefined) ending.push({ task, result: taskResult(row, ended, publishedRoles, nowMs) });
  }
  return ending;
}

/** All changes of a task with what becomes of them, or undefined while others are open. */
async function wholeTask(deps: PublisherDeps, task: string, own: readonly PlannedChange[], expected: number): Promise<readonly PlannedChange[] | undefined> {
  if (own.length >= expected) return own;
  const here = new Map(own.map((change) => [change.id, change]));
  const all: PlannedChange[] = [];
  for (const change of await deps.database.taskChanges(task)) {
    const planned = here.get(change.id) ?? (change.outcome === undefined ? undefined : { ...change, outcome: change.outcome, reason: "set aside with an earlier batch" });
    if (planned === undefined) return undefined;
    all.push(planned);
  }
  return all;
}

/** The changes that `error` says cannot be pressed, with the reason. */
export function unpressableOf(error: Unpressable, changes: readonly PlannedChange[]): Map<number, string> {
  const offending = changes.filter((change) => change.kind !== "refresh" && change.role === error.role && change.outcome !== "set-aside"
    && (error.paths === undefined || error.paths.includes(change.path)));
  return new Map(offending.map((change) => [change.id, error.message]));
}
