// The source of truth: requests, queue, head, lease, artifacts, roles.
//
// Every method is one transaction, durable when it resolves (a power cut keeps it),
// serialisable against every other. What several facts must become true together is
// one method. Methods that take a `Lease` first check, in the same transaction, that
// this publisher still holds it (protocol rule 2), and throw `lease-lost` otherwise.
//
// What is derived is never stored: a task's state follows from its result, the batch
// that carries it, and `visible` (rule 16). There is no finish step to lose.
//
// A commit whose outcome is unknown is reported as `unclear`: the caller does nothing
// more and recovers by reading (rule 13). Retrying is the driver's affair for reads and
// for `accept`; nobody repeats a publisher's transaction.

import { AppError } from "../lib/app-error.ts";
import type { Rest } from "./rest.ts";

// ---------------------------------------------------------------- requests

/** The contract's names of what a task does. */
export type TaskKind =
  | "bootstrap"
  | "add_artifacts"
  | "import_artifacts"
  | "remove_artifacts"
  | "publish_artifacts"
  | "update_settings"
  | "force_online_metadata_update"
  | "metadata_update"
  | "metadata_delegation"
  | "sign_metadata"
  | "delete_sign_metadata";

export type ChangeKind = "add" | "remove" | "refresh" | "delegate" | "document";

/** One pending effect on one path of one role, or (refresh) on one role as a whole, (delegate) on who delegates to whom, or (document) a role's next version. */
export interface NewChange {
  readonly kind: ChangeKind;
  /** The role the door chose; resolved again when the batch is cut (rule 9). */
  readonly role: string;
  /** The target path; empty for all but `add` and `remove`. */
  readonly path: string;
  /** Canonical JSON of the target (length, hashes, custom), the edit of a `delegate`, JSON, or the file of a `document`, as it is; else empty. */
  readonly fragment: string;
  /** The first four bytes of its path's sha256, where that is known already. */
  readonly place?: number;
}

export interface NewTask {
  /** 32 lower-case hex digits. */
  readonly id: string;
  readonly kind: TaskKind;
  readonly createdMs: number;
  /** What the result needs beside the changes, as the operation and the publisher agree. At most 64 MiB. */
  readonly request: TaskRequest;
}

/** Paths and roles as the door saw them, in request order. */
export interface TaskRequest {
  /** add, remove: the paths whose changes ride on this task, in request order. */
  readonly paths?: readonly string[];
  /** Roles those changes touch, in order of first use. */
  readonly roles?: readonly string[];
  /** add: paths no delegated role takes. */
  readonly invalidPaths?: readonly string[];
  /** publish_artifacts: the task whose changes it publishes, when it is a sub-task. */
  readonly parent?: string;
  /** import_artifacts: how many lines there were, and how many of them were not taken, for no role lists their path. */
  readonly imported?: { readonly lines: number; readonly invalid: number };
}

export interface AcceptRequest {
  readonly task: NewTask;
  readonly changes: readonly NewChange[];
  /** Held changes wait for a publish request (`publish_artifacts: false`). */
  readonly held: boolean;
  /** Also releases every held change accepted before, of all tasks. */
  readonly releaseHeld?: boolean;
  /** The task is already at its end; it has no changes. */
  readonly result?: TaskResult;
  /** Settings that change together with it. */
  readonly settings?: Readonly<Record<string, SettingValue>>;
  /** Refused with `busy-bootstrap` unless setting `bootstrap` still is this (undefined: absent). */
  readonly expectBootstrap?: { readonly was: SettingValue | undefined };
  /** What it does to a signing event. */
  readonly event?: EventEffect;
  /**
   * The import that this task is (their ids are one): everything staged for it becomes its changes, and counts as
   * accepted now. `stale-base` when another one writes it, or has other lines. It has no other changes, and is not held.
   */
  readonly import?: { readonly writer: string; readonly lines: number };
  readonly idempotency?: { readonly principal: string; readonly key: string; readonly bodySha256: string };
  /**
   * Bounds of the backlog: changes of all tasks that are in no committed batch, held ones and this request's
   * included, those of imports not; bytes are UTF-8 of path and fragment. Over them `backlog-full`; a request without
   * changes never is.
   */
  readonly limits: { readonly changes: number; readonly bytes: number };
}

export type Accepted =
  | { readonly outcome: "accepted" }
  /** The same Idempotency-Key with the same body came before; this is its task. */
  | { readonly outcome: "replayed"; readonly taskId: string };

export interface TaskResult {
  /** SUCCESS, ERRORED or FAILURE once it counts. */
  readonly state: "SUCCESS" | "ERRORED" | "FAILURE";
  readonly message: string;
  readonly error?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  /** Milliseconds. */
  readonly lastUpdateMs: number;
}

export interface TaskRow {
  readonly id: string;
  readonly kind: TaskKind;
  readonly createdMs: number;
  readonly request: TaskRequest;
  /** Present once it counts: set without a batch, or with one that is committed and visible. */
  readonly result?: TaskResult;
  /** True while all of its changes that are still open are held. False when it has none. */
  readonly held: boolean;
  /** Roles that people have to sign first, sorted: what its waiting changes wait for. */
  readonly waitingFor: readonly string[];
  /** Of an import without a result that counts: how many of its changes are in no batch that is committed and folded. */
  readonly remaining?: number;
}

// ---------------------------------------------------------------- imports

/** An upload of any number of artifacts that becomes one task. It survives its connection, and a restart. */
export interface ImportState {
  /** The task it is, or will be. */
  readonly task: string;
  /** So many of its lines are durable; whoever goes on, goes on after them. */
  readonly lines: number;
  /** So many of those made no change, for no role lists their path. */
  readonly invalid: number;
  /** It is complete, and its task accepted. */
  readonly accepted: boolean;
}

export interface NewImport {
  /** Of the task it will be: 32 hex digits. */
  readonly task: string;
  readonly principal: string;
  /** Who names the same key again goes on with the same import. */
  readonly key: string;
  /** Random. From now on nobody else adds to the import. */
  readonly writer: string;
  /** It never holds more changes than that. */
  readonly maxChanges: number;
  /** So many may be begun and not accepted; one more is `backlog-full`. */
  readonly maxOpen: number;
}

/** What is added to an import in one piece. */
export interface ImportSlice {
  readonly task: string;
  readonly writer: string;
  /** The import has that many lines before, and so many after. */
  readonly after: number;
  readonly lines: number;
  /** As `ImportState.invalid`, of this slice. */
  readonly invalid: number;
  /** Adds alone. Of a path that comes twice, in whatever slices, the later one counts. */
  readonly changes: readonly NewChange[];
}

export type SettingValue = string | number | boolean | null | readonly SettingValue[] | { readonly [key: string]: SettingValue };

// ---------------------------------------------------------------- reading

/** Whose artifacts to list, and which: those with `from` <= path < `before`, by UTF-8 bytes. */
export interface ArtifactRange {
  readonly role?: string;
  readonly from?: string;
  readonly before?: string;
}

/** A place in the list of artifacts: by path, then by role. */
export interface ArtifactPlace {
  readonly path: string;
  readonly role: string;
}

export interface ArtifactRow extends ArtifactPlace {
  readonly fragment: string;
  /** When what it says was committed, by the database's clock; absent when this database does not know. */
  readonly publishedMs?: number;
  /** Of the role, in the same moment. */
  readonly version?: number;
}

export interface RoleFilter {
  readonly kind?: RoleRow["kind"];
  readonly retired?: boolean;
  readonly expiresBeforeMs?: number;
}

export interface TaskFilter {
  readonly kind?: TaskKind;
  /** `open`: without a result that counts. */
  readonly state?: TaskResult["state"] | "open";
  readonly createdFromMs?: number;
  readonly createdBeforeMs?: number;
}

/** A task as a list shows it: nothing of it grows with its request. */
export interface TaskSummary {
  readonly id: string;
  readonly kind: TaskKind;
  readonly createdMs: number;
  readonly held: boolean;
  /** Present once it counts; texts are cut at `SUMMARY_CHARACTERS`. */
  readonly result?: Pick<TaskResult, "state" | "message" | "error" | "lastUpdateMs">;
}

export const SUMMARY_CHARACTERS = 300;

/** A place in the list of tasks, newest first: by `createdMs`, then by acceptance. */
export interface TaskPlace {
  readonly createdMs: number;
  readonly order: number;
}

// ---------------------------------------------------------------- notices

/**
 * What subscribers are told:
 *   `published`         the visible head moved: `seq`, `timestamp_version`, `snapshot_version`, `changes` (of its batch)
 *   `task-finished`     a task's result counts: `task_id`, `task` (its kind), `state`
 *   `signing-required`  a document waits for signatures of people: `role`, `version`, `signing_event`
 *   `role-expiring`     `role`, `version`, `expires`, `state` (`late` or `expired`)
 *   `failed`            publishing halted, or for another reason than before: `code`, `reason`
 *   `resumed`           publishing goes on after that: `code`
 */
export type NoticeKind = "published" | "task-finished" | "signing-required" | "role-expiring" | "failed" | "resumed";

export interface Notice {
  /** Its place in the log: `[0-9.]+`, opaque else. */
  readonly id: string;
  readonly kind: NoticeKind;
  /** By the database's clock. */
  readonly atMs: number;
  readonly about: Readonly<Record<string, SettingValue>>;
}

export interface NewNotice {
  readonly kind: "signing-required" | "role-expiring";
  readonly about: Notice["about"];
  /** Posted once: another notice with this text, while the first is kept, is nothing. */
  readonly once: string;
}

// ---------------------------------------------------------------- signing events

export interface EventSignature {
  readonly keyid: string;
  /** Hex. */
  readonly sig: string;
  /** What a Sigstore signature is verified with; a JSON object. */
  readonly bundle?: SettingValue;
  /** Stands for the public key: one key under two keyids signs once. */
  readonly identity: string;
}

/** A document that waits for signatures of people (rule 24). */
export interface NewSigningEvent {
  /** Random, 32 hex digits; never reused. */
  readonly id: string;
  /** Whole, in the case it was given. One event per role at a time. */
  readonly role: string;
  /** What becomes of it when enough have signed. */
  readonly kind: "bootstrap" | "root" | "delegated";
  readonly version: number;
  /** The envelope as it was submitted or composed; nothing in its `signed` is ever changed. */
  readonly document: Uint8Array;
  /** Those it came with. */
  readonly signatures: readonly EventSignature[];
  /** The task that started it; empty: the publisher did, by itself. */
  readonly task: string;
  readonly startedMs: number;
  /** What whoever started it wants to find again. */
  readonly note?: SettingValue;
  /**
   * Changes it carries from its start to its end (rule 24): open ones that no other event carries. They wait, and only
   * a batch that names the event cuts them. At most some ten thousand: they are bound in the transaction that starts it.
   */
  readonly changes?: readonly { readonly id: number; readonly task: string }[];
}

/**
 * Open: signatures may be added, it may be cancelled. Frozen: its exact bytes are settled, nothing is added, and it
 * will be published. Cancelled: nobody will publish it; it is listed while tasks that signed it have no result.
 */
export type SigningState = "open" | "frozen" | "cancelled";

export interface SigningEvent extends Omit<NewSigningEvent, "document" | "signatures" | "changes"> {
  readonly state: SigningState;
  readonly document: Buffer;
  /** In order of arrival. */
  readonly signatures: readonly (EventSignature & {
    /** The task that brought it; those the event started with have none. */
    readonly task?: string;
    /** That task has its result, if only with a batch that is not visible yet. */
    readonly answered: boolean;
  })[];
  /** The starting task has its result. */
  readonly answered: boolean;
  /** The file, once frozen. */
  readonly frozen?: Buffer;
  /** Why the publisher gave it up; absent for one that was stopped by a request. */
  readonly reason?: string;
}

/** One of: a new event; one more signature of an open one; the end of an open one; the publisher gives an open or frozen one up. */
export type EventEffect =
  /**
   * `besideFrozen`: also while the role's event before is frozen and not published yet. `inPlaceOf`: that event, if it is
   * open still, is given up with this reason.
   */
  | { readonly start: NewSigningEvent; readonly besideFrozen?: true; readonly inPlaceOf?: { readonly event: string; readonly reason: string } }
  | { readonly giveUp: { readonly event: string; readonly reason: string } }
  | { readonly sign: { readonly event: string; readonly signature: EventSignature } }
  | { readonly cancel: { readonly event: string } };

// ---------------------------------------------------------------- publishing

export interface Lease {
  /** Grows with every take-over. */
  readonly number: number;
  /** Random, one per process start. */
  readonly holder: string;
}

/** The publisher row (rule 1): one per repository. */
export interface PublisherState {
  readonly lease: { readonly number: number; readonly holder: string; readonly untilMs: number };
  /** The number of the last commit; 0 before bootstrap. */
  readonly seq: number;
  /** sha256 (hex) of the committed timestamp's bytes; empty before bootstrap. */
  readonly head: string;
  /** The last seq whose timestamp is known to be in storage; <= seq. */
  readonly visible: number;
  /** The last version number allocated (rule 4); floors all that come. */
  readonly counter: number;
  /** When the head's roles were pressed, milliseconds; never falls: a commit that states less keeps it. */
  readonly pressedAtMs: number;
  /** Why publishing is halted, or absent. */
  readonly halted?: { readonly code: string; readonly reason: string };
}

export interface CommittedHead {
  readonly seq: number;
  readonly sha256: string;
  readonly timestampVersion: number;
  readonly snapshotVersion: number;
  readonly timestamp: Buffer;
  /** When that timestamp expires, milliseconds. */
  readonly expiresMs: number;
}

export interface OpenChange extends NewChange {
  readonly id: number;
  readonly task: string;
  /** How many batches with this change died before they were committed. */
  readonly attempts: number;
  /** How many of those held this change and no other. */
  readonly attemptsAlone: number;
  /**
   * Still open, and held, or of an import that is not its turn yet: one that a publishable change of the same path,
   * accepted later, absorbs.
   */
  readonly held: boolean;
  /** It came with an import. */
  readonly imported?: boolean;
}

export interface OpenLimit {
  readonly changes: number;
  readonly bytes: number;
  readonly imported?: number;
  readonly behind?: { readonly task: string; readonly place: number };
}

/** As an adoption looks at it. */
export interface PendingChange extends OpenChange {
  /** Its task's place in the order of acceptance. */
  readonly accepted: number;
}

/** Part of what bins divide: paths whose sha256 begins with four bytes that are `from` at least and below `before`. */
export interface PlaceRange {
  readonly from: number;
  readonly before: number;
}

/** All of them lie in 0 to this. */
export const PLACES = 2 ** 32;

/** What becomes of a change in its batch. */
export type ChangeOutcome = "apply" | "absorbed" | "not-found" | "set-aside";

export interface CutChange {
  readonly id: number;
  /** Whose it is: a database that lost its last commits hands ids out again, and then this is another change. */
  readonly task: string;
  readonly outcome: ChangeOutcome;
  /** The role it is applied to now; differs from the door's when delegations changed. */
  readonly role: string;
}

export interface NewBatch {
  /** Random, 32 hex digits; never reused. */
  readonly id: string;
  /** `PublisherState.head` it was planned on; `stale-base` when that moved. */
  readonly base: string;
  readonly changes: readonly CutChange[];
  /** Roles to press, sorted; each gets the next version in this order, then snapshot, then timestamp. */
  readonly roles: readonly string[];
  /** Signing events whose changes may be among them. */
  readonly events?: readonly string[];
}

export interface RoleResult {
  readonly role: string;
  readonly version: number;
  /** Bytes of the file; length and hash as snapshot may state them. */
  readonly length: number;
  readonly sha256: string;
  readonly expiresMs: number;
}

export interface RoleRow extends RoleResult {
  readonly kind: "root" | "targets" | "delegated" | "bins" | "snapshot" | "timestamp";
  /** The role that delegates to it; empty for top-level roles. */
  readonly parent: string;
  /** Retired roles stay in snapshot for ever (promise 9) and are never pressed again. */
  readonly retired: boolean;
}

export interface Target {
  readonly path: string;
  readonly fragment: string;
}

/** An artifact that another role lists from now on, as it is; or none, when `to` is undefined. */
export interface Move {
  readonly path: string;
  readonly from: string;
  readonly to: string | undefined;
  /** What `to` says of it from now on, whatever `from` said, which may be the same role, and may not list it. */
  readonly fragment?: string;
}

export interface Commit {
  readonly batch: string;
  /** As in `NewBatch`; `stale-base` when the head is another. */
  readonly base: string;
  readonly pressedAtMs: number;
  readonly timestamp: RoleResult & { readonly bytes: Uint8Array };
  readonly snapshot: RoleResult;
  /** Whole envelopes to keep: a new root, targets. */
  readonly envelopes: readonly { readonly role: string; readonly version: number; readonly bytes: Uint8Array }[];
  /** Roles that exist from this head on (bootstrap, delegations), retired ones again. Their versions come from staged results. */
  readonly newRoles?: readonly { readonly name: string; readonly kind: RoleRow["kind"]; readonly parent: string }[];
  /** Roles nobody delegates to from this head on; their rows keep their last version. */
  readonly retiredRoles?: readonly string[];
  readonly settings?: Readonly<Record<string, SettingValue>>;
  /** The frozen signing events that are published with this head; they are gone then. */
  readonly endsEvents?: readonly string[];
  /** What else it does to signing events, in order. */
  readonly events?: readonly EventEffect[];
  /** From when the files this head leaves behind may be deleted, milliseconds (rule 26). */
  readonly garbageNotBeforeMs: number;
}

/** Roles of a large batch, for any publisher to press for the one that leads. */
export interface NewShare {
  readonly roles: readonly string[];
  /** What the batch does to them, in the words of the publisher; JSON. */
  readonly edits: string;
}

/** One attempt at one share (rule 10). */
export interface Claim {
  readonly batch: string;
  /** Of the batch's shares, from 0. */
  readonly share: number;
  /** Grows with every claim of this share. */
  readonly number: number;
  readonly holder: string;
}

export interface ClaimedShare extends NewShare {
  readonly claim: Claim;
  /** The head the batch was cut on. */
  readonly base: string;
  /** What holds for every share of the batch, in the words of the publisher; JSON. */
  readonly terms: string;
  /** Role i gets this + i: numbers of this claim alone, so that no two attempts share a name. */
  readonly firstVersion: number;
}

/** A batch that was cut and neither committed nor dropped. */
export interface OpenBatch {
  readonly id: string;
  readonly base: string;
  readonly changes: number;
}

/**
 * What a history published that this database lost, verified, to become its own (rule 17). Its timestamp
 * lies in storage, so it is visible at once.
 */
export interface Adoption {
  /** As of a batch, random; targets, and changes that end, were staged under it. */
  readonly id: string;
  /** As in `NewBatch`; `stale-base` when the head is another, or a batch is open. */
  readonly base: string;
  readonly timestamp: RoleResult & { readonly bytes: Uint8Array };
  readonly snapshot: RoleResult;
  /** Rows to keep; with `takesTargets` the role lists afterwards what was staged for it, and nothing else. */
  readonly roles: readonly (RoleRow & { readonly takesTargets: boolean })[];
  /** Roots this database lacks, targets when it is newer. */
  readonly envelopes: Commit["envelopes"];
  readonly settings?: Readonly<Record<string, SettingValue>>;
  /** The version counter is at least this much afterwards. */
  readonly counter: number;
  /** Of the tasks whose last changes were staged for it. */
  readonly results: readonly { readonly task: string; readonly result: TaskResult }[];
  /** A task that is accepted with it, to press these roles again. */
  readonly press?: { readonly task: NewTask; readonly roles: readonly string[] };
  /** No file recorded as garbage goes before this, milliseconds: what the lost history refers to is among them. */
  readonly garbageNotBeforeMs: number;
}

export interface Garbage {
  readonly name: string;
  readonly role: string;
  readonly version: number;
}

export interface ForgetLimits {
  readonly tasksMs: number;
  readonly committedMs: number;
  readonly idempotencyMs: number;
  readonly noticesMs: number;
  readonly mostNotices: number;
}

/**
 * `work`: something was accepted or released; `visible`: the visible head moved, a task ended, or a notice was posted;
 * `shares`: shares can be claimed, or one is finished. Hints: they may be late, doubled or lost.
 */
export type Topic = "work" | "visible" | "shares";

export interface Database {
  // ---- requests

  /**
   * Task, changes and settings, all or nothing. Concurrent calls share one commit.
   * Changes of one path keep the order in which their requests were accepted. A replay is answered
   * before any other check. Text is well-formed Unicode; a lone surrogate is refused as a mistake.
   * Signatures of one event that arrive together are all kept.
   * @throws DatabaseError `backlog-full` | `idempotency-key-reused` | `busy-bootstrap` | `unavailable`
   *         | `event-exists` | `event-closed` | `already-signed`
   */
  accept(request: AcceptRequest): Promise<Accepted>;
  /** Makes the import, or takes it over from whoever wrote it: then `task` of the answer is its first one's. */
  openImport(request: NewImport): Promise<ImportState>;
  findImport(principal: string, key: string): Promise<ImportState | undefined>;
  /**
   * Adds to an import, all or nothing. Its changes count for nothing before `accept`.
   * @throws DatabaseError `stale-base` when it has other lines, another one writes it, or it is accepted or gone;
   *         `backlog-full` when it would hold more changes than it may
   */
  stageImport(slice: ImportSlice): Promise<void>;
  /** Forgets an import that is not accepted, if `writer` still writes it. */
  dropImport(task: string, writer: string): Promise<void>;
  getTask(id: string): Promise<TaskRow | undefined>;
  /** What tasks were accepted for, of those there are, by id; however many, in one look. */
  requestsOf(tasks: readonly string[]): Promise<ReadonlyMap<string, Pick<TaskRow, "kind" | "request">>>;
  backlog(): Promise<{ readonly changes: number; readonly bytes: number }>;
  setting(name: string): Promise<SettingValue | undefined>;
  settings(): Promise<Readonly<Record<string, SettingValue>>>;
  /** The envelope of `role`: root of that version, or the current one of root, targets, or a role that people sign. */
  envelope(role: string, version?: number): Promise<{ readonly version: number; readonly bytes: Buffer } | undefined>;
  /** Of `paths`, those that `role` lists in the folded state (all roles when undefined). */
  listed(role: string | undefined, paths: readonly string[]): Promise<ReadonlySet<string>>;

  // ---- lease and head

  publisher(): Promise<PublisherState>;
  /** Takes the lease if it ran out or `holder` holds it: number + 1, until = database time + `ttlMs`. Undefined while another holds it. */
  takeLease(holder: string, ttlMs: number): Promise<Lease | undefined>;
  renewLease(lease: Lease, ttlMs: number): Promise<void>;
  /** Ends the lease now, so that the next publisher need not wait; it is lost to this one too. */
  releaseLease(lease: Lease): Promise<void>;
  head(): Promise<CommittedHead | undefined>;
  /** The committed head with this timestamp hash, or undefined: then it is not of this history. */
  committed(sha256: string): Promise<{ readonly seq: number } | undefined>;
  halt(lease: Lease, halted: { readonly code: string; readonly reason: string } | undefined): Promise<void>;

  // ---- a batch, in order

  /**
   * Publishable changes that do not wait, in order of acceptance, oldest first, at most so many and so many bytes (at
   * least one). Among them, in their place and marked `held`, the held changes of the same path that
   * were accepted before one of them; they do not count towards the limit.
   *
   * Imports wait behind them: of the oldest one that has any about `imported` changes more (none when absent, when a change
   * accepted before it is left out here, or among an edit of delegations or a document), in their place. Its changes come by the
   * hash that bins divide, whole prefixes at a time, so that a bin is touched by few batches, and a path that came
   * twice by one. Those that are not among them and have the path of a publishable one accepted later come marked
   * `held`, like held ones: what is accepted after an import is never undone by it.
   *
   * `behind`: of that import alone, what comes behind that place (the hash of its last change that was answered), with the held changes
   * of the same paths. So many are read in pieces.
   */
  openChanges(limit: OpenLimit): Promise<readonly OpenChange[]>;
  /**
   * Binds the changes to a new batch and allocates its versions: answers the first one;
   * role i gets first + i, snapshot first + n, timestamp first + n + 1. Many changes are bound in slices, between which others
   * may be published (`rebase`): what they get lies above.
   * @param rest awaited between slices: whoever calls may hold it up. It does not reject.
   * @throws DatabaseError `stale-base` when the head moved, a change is no longer open, or an event carries it that is not named
   */
  cut(lease: Lease, batch: NewBatch, rest?: Rest): Promise<{ readonly firstVersion: number }>;
  /**
   * An open batch goes on, on `base`, which others made the head meanwhile in roles that it does not touch. Answers a version
   * for its snapshot; the one after it is its timestamp's. Those of the cut are used up.
   * @throws DatabaseError `stale-base` when `base` is not the head, the batch is not open or has shares, or one of its roles, or top-level targets, was published since its cut
   */
  rebase(lease: Lease, batch: string, base: string): Promise<{ readonly snapshotVersion: number }>;
  /** More versions for an open batch, all above `above`: after a name was taken (rule 11). Answers the first. */
  allocate(lease: Lease, count: number, above: number): Promise<number>;
  /**
   * The targets of each role, sorted by UTF-8 bytes of the path, read in one moment in which `base` is the head and all that was committed of these roles is folded; of no roles: all there is.
   * @throws DatabaseError `stale-base` when it is not
   */
  readTargets(base: string, roles: readonly string[]): Promise<ReadonlyMap<string, readonly Target[]>>;
  /**
   * Keeps pressed roles, once each: the same again is nothing. Nobody reads them before the commit.
   * @throws DatabaseError `stale-base` when the batch is closed, or a role was staged differently
   */
  stageResults(lease: Lease, batch: string, results: readonly RoleResult[]): Promise<void>;
  /** Artifacts that move when the batch is folded, after its changes; more calls add more. Nobody reads them before. */
  stageMoves(lease: Lease, batch: string, moves: readonly Move[]): Promise<void>;
  /** The results of tasks that end with this batch; they count once it is visible. A result that counts, or will, stays. */
  stageTaskResults(lease: Lease, batch: string, results: readonly { readonly task: string; readonly result: TaskResult }[]): Promise<void>;
  /**
   * Moves the head: the batch and everything staged for it become true, in one small transaction.
   * Answers the new seq. @throws DatabaseError `stale-base` (also while a share is not finished) | `lease-lost` | `unclear`
   */
  commit(lease: Lease, commit: Commit): Promise<{ readonly seq: number }>;
  markVisible(lease: Lease, seq: number): Promise<void>;
  /**
   * Brings the rows of artifacts, roles and garbage up to the committed batches, in slices of at
   * most `limit` rows, oldest batch first, and forgets the changes of ended tasks.
   * Answers whether more remains; sooner, when others wait for the database. Repeating it changes nothing.
   * @param patiently nobody waits for it: it may stand aside for a moment while others are published
   */
  fold(lease: Lease, limit: number, patiently?: boolean): Promise<{ readonly remaining: boolean }>;
  openBatches(): Promise<readonly OpenBatch[]>;
  /**
   * Gives the changes of an open batch back, those that were held as held, and makes garbage of the
   * names it planned. `died`: counts an attempt against its changes (and one alone, if it is only
   * one); false when it was given up for a reason that does not lie in them.
   */
  dropBatch(lease: Lease, batch: string, died: boolean): Promise<void>;
  /**
   * All changes of a task that are not forgotten yet, in order, with what became of them (undefined: still
   * open). What an open batch makes of them is told too, and untold when that batch is dropped.
   */
  taskChanges(task: string): Promise<readonly (OpenChange & { readonly outcome?: ChangeOutcome })[]>;
  /**
   * Of an import, whose changes are too many to list: whether one is in no batch, how many are set aside, and the paths of up to `limit` of those.
   * With an `adoption`: as it will be once that is the head.
   */
  importRemainder(task: string, limit: number, adoption?: string): Promise<{ readonly open: boolean; readonly setAside: number; readonly paths: readonly string[] }>;
  /** Ends tasks without a batch, and takes those of their changes that are still open out of the queue. Counts at once. */
  endTasks(lease: Lease, results: readonly { readonly task: string; readonly result: TaskResult }[], settings?: Readonly<Record<string, SettingValue>>, events?: readonly EventEffect[]): Promise<void>;

  // ---- shares of a batch: pressed by whoever claims them, the one that leads or any other

  /** Offers shares of an open batch to whoever claims them; once a batch. The cut named none of their roles. */
  shareOut(lease: Lease, batch: string, terms: string, shares: readonly NewShare[]): Promise<void>;
  /**
   * Claims a share that nobody has, or whose holder let `ttlMs` pass: then the names that one may have put are garbage, and
   * its result is refused. Undefined when there is none, or the lease under which it was offered ran out. `ttlMs` is whole.
   */
  claimShare(holder: string, ttlMs: number): Promise<ClaimedShare | undefined>;
  /** @throws DatabaseError `stale-base` when the claim is another's by now, the share is finished, the batch over or its publisher's lease run out */
  renewClaim(claim: Claim, ttlMs: number): Promise<void>;
  /** Somebody else may claim it now. A claim that is over already is nothing. */
  releaseClaim(claim: Claim): Promise<void>;
  /**
   * Keeps the results of a share, one for each of its roles: the first time counts. They are staged with the batch's others.
   * @throws DatabaseError `stale-base` when the claim is another's by now, the share is finished or the batch over
   */
  finishShare(claim: Claim, results: readonly RoleResult[]): Promise<void>;
  /** How many shares of an open batch are not finished, and once none is left all that is staged for it, by role. @throws DatabaseError `stale-base` when it is not open */
  sharedResults(batch: string): Promise<{ readonly left: number; readonly results: readonly RoleResult[] }>;

  // ---- changes that wait for people

  /**
   * Sets changes apart that can be published only once people have signed `for`, whether publishable or held: `openChanges`
   * leaves them out until they are resumed. Set apart again for another role, they wait for that one.
   * @throws DatabaseError `stale-base` when one is no longer open, or an event carries it
   */
  setWaiting(lease: Lease, changes: readonly { readonly id: number; readonly task: string; readonly for: string }[]): Promise<void>;
  /** The roles that changes wait for which no event carries, sorted. */
  waitingRoles(): Promise<readonly string[]>;
  /** The changes that wait for `role` and that no event carries, in order of acceptance, at most so many and so many bytes (at least one). */
  waitingChanges(role: string, limit: { readonly changes: number; readonly bytes: number }): Promise<readonly OpenChange[]>;
  /** What waits for `role` (undefined: for any), and no event carries, is open again as it was. */
  resumeWaiting(lease: Lease, role?: string): Promise<void>;
  /** The changes an event carries that are in no batch, in order of acceptance. */
  eventChanges(event: string): Promise<readonly OpenChange[]>;

  // ---- signing events

  /** All of them, oldest first. */
  signingEvents(): Promise<readonly SigningEvent[]>;
  /** Another one whenever `signingEvents` answers something else, and the same while it does not; empty when there are none. Reads no document. */
  signingStamp(): Promise<string>;
  /**
   * Settles what will be published: from here on no signature is added and nobody cancels it (rule 19).
   * The same bytes again are nothing.
   * @throws DatabaseError `event-closed` when it is not open; `stale-base` when it has not that many signatures
   */
  freezeEvent(lease: Lease, event: string, frozen: { readonly bytes: Uint8Array; readonly signatures: number }): Promise<void>;
  /**
   * A frozen root became true without a new head: keeps its envelope, settings and results (they count
   * at once), and forgets the event, which carries no changes. Repeating it changes nothing.
   */
  endEvent(lease: Lease, event: string, ending: {
    readonly envelopes: Commit["envelopes"];
    readonly settings?: Readonly<Record<string, SettingValue>>;
    readonly results: readonly { readonly task: string; readonly result: TaskResult }[];
  }): Promise<void>;
  /** Forgets a cancelled event, whose tasks have their results. What it still carries is open again. */
  forgetEvent(lease: Lease, event: string): Promise<void>;

  // ---- adoption

  /**
   * Every change of no import, held ones too, that is open or whose batch was committed, never shown and not folded; in order
   * of acceptance. Not those of open batches. The bounds of the backlog bound them.
   */
  pendingChanges(): Promise<readonly PendingChange[]>;
  /** The same of imports, whose paths lie in the range. Undefined when those are more than the limit says, and more than one place. */
  pendingImported(range: PlaceRange, limit: { readonly changes: number; readonly bytes: number }): Promise<readonly PendingChange[] | undefined>;
  /** Keeps targets of one role for an adoption; more calls add more. Nobody reads them before `adopt`, which forgets those of every other one. */
  stageAdopted(lease: Lease, adoption: string, role: string, targets: readonly Target[]): Promise<void>;
  /** Of these, those that are staged for that adoption. */
  adoptedTargets(adoption: string, places: readonly ArtifactPlace[]): Promise<readonly (ArtifactPlace & Target)[]>;
  /** Pending changes that end with an adoption, as the adopted targets say already or set aside; more calls add more. As with targets nobody reads them before. */
  stageEnded(lease: Lease, adoption: string, changes: readonly CutChange[]): Promise<void>;
  /**
   * Makes the adoption the head, visible, in one transaction, whatever its size: folds what was shown, ends the changes
   * that were staged for it, opens again what else was committed and never shown, and lifts what halted. Answers how many targets are new or
   * other than before, and how many are gone.
   * @throws DatabaseError `stale-base` | `lease-lost` | `unclear`
   */
  adopt(lease: Lease, adoption: Adoption): Promise<{ readonly seq: number; readonly readBack: number; readonly dropped: number }>;

  // ---- lists: of what is folded, never more work than their limit asks for, whatever there is

  /**
   * Artifacts in order of path, by UTF-8 bytes, then of role; only what comes after `after`. What was listed
   * before and after some change and lies outside of it is listed once, whatever was changed in between.
   */
  artifacts(range: ArtifactRange, after: ArtifactPlace | undefined, limit: number): Promise<readonly ArtifactRow[]>;
  /** How many artifacts the role lists; counting ends at `atMost`. */
  countArtifacts(role: string, atMost: number): Promise<number>;
  /** Roles in order of name, by UTF-8 bytes, after `after`: those of `roles`, snapshot and timestamp. */
  rolesAfter(after: string | undefined, filter: RoleFilter, limit: number): Promise<readonly RoleRow[]>;
  /**
   * Tasks, newest first, after `after`. It looks at `limit` x 10 tasks at most, so that a page may be short, or
   * empty, though more follow: `next` is where to go on, absent at the end.
   */
  tasks(filter: TaskFilter, after: TaskPlace | undefined, limit: number): Promise<{ readonly rows: readonly TaskSummary[]; readonly next?: TaskPlace }>;

  // ---- notices: written by the transactions that make them true

  /**
   * Notices after `after`, oldest first; "" is before the first one. Once a notice was answered, none appears
   * before it. `missed`: some after `after` were forgotten, or `after` is of a history this database lost; then
   * what follows are those that are left, or the ones after the last.
   */
  notices(after: string, limit: number): Promise<{ readonly rows: readonly Notice[]; readonly missed: boolean }>;
  /** The id of the last notice; "" when there was none. */
  lastNotice(): Promise<string>;
  /** Posts what no other transaction makes true. */
  post(lease: Lease, notices: readonly NewNotice[]): Promise<void>;
  /**
   * Takes the sending of notices to `receiver` if nobody else has it, or for longer than `ttlMs` gave no sign;
   * answers the last notice that needs no sending any more (of a new receiver: the last there is). Undefined
   * while another has it. Calling it again is the sign.
   */
  takeDelivery(receiver: string, holder: string, ttlMs: number): Promise<string | undefined>;
  /** That one, and all before it, need no sending any more. Answers whether `holder` still has it; else nothing is kept. */
  keepDelivery(receiver: string, holder: string, sent: string): Promise<boolean>;

  // ---- roles

  /** Every role in snapshot (not root, snapshot, timestamp), with its version; retired ones too. In no order. */
  roles(): Promise<readonly RoleRow[]>;
  role(name: string): Promise<RoleRow | undefined>;
  /** Live roles that expire before `beforeMs`, which need not be whole, soonest first. */
  rolesExpiringBefore(beforeMs: number, limit: number): Promise<readonly RoleRow[]>;
  /** Of each kind the first moment at which a live role of it expires. */
  firstExpiry(): Promise<ReadonlyMap<RoleRow["kind"], number>>;

  // ---- retention

  /** Names that may go: not before passed, and below the head's version of that role. */
  dueGarbage(nowMs: number, limit: number): Promise<readonly Garbage[]>;
  forgetGarbage(lease: Lease, names: readonly string[]): Promise<void>;
  /**
   * Forgets tasks that ended before, committed heads that expired before (never the visible one, nor later),
   * idempotency keys older than; imports that nobody added to since then, and the keys of those accepted before then; notices older than, and the oldest of more than so many.
   */
  forgetBefore(lease: Lease, limits: ForgetLimits, limit: number): Promise<void>;

  /** Milliseconds by the database's own clock. */
  now(): Promise<number>;
  /** Calls back after something happened, in this process or another; returns how to stop. */
  subscribe(topic: Topic, listener: () => void): () => void;
  close(): Promise<void>;
}

/**
 * - `lease-lost`      another publisher took over: drop everything, start nothing
 * - `stale-base`      the plan was made on a head, or on changes, that moved
 * - `backlog-full`    too many pending changes; later
 * - `idempotency-key-reused` same key, another body
 * - `busy-bootstrap`  somebody else is bootstrapping, or did
 * - `event-exists`    the role has a signing event already, open or (unless it may stand beside it) frozen
 * - `event-closed`    the signing event is frozen, cancelled, or none
 * - `already-signed`  that key signed it before
 * - `unclear`         the commit may or may not have happened
 * - `unavailable`     could not be reached, busy for too long, or full
 * - `damaged`         the file is not this database, or is corrupt
 * - `newer-schema`    written by a newer release
 * - `moved`           the state was moved to another database, and goes on there
 * - `not-empty`       state was to be moved there, and there is some already
 */
export class DatabaseError extends AppError<
  | "lease-lost"
  | "stale-base"
  | "backlog-full"
  | "idempotency-key-reused"
  | "busy-bootstrap"
  | "event-exists"
  | "event-closed"
  | "already-signed"
  | "unclear"
  | "unavailable"
  | "damaged"
  | "newer-schema"
  | "moved"
  | "not-empty"
> {}
