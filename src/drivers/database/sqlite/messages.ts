// What a client asks of the database thread.

import type {
  Accepted, Adoption, Claim, ClaimedShare, Commit, CutChange, EventEffect, ForgetLimits, ImportState, Lease, Move, NewBatch, NewImport, NewNotice, NewShare, RoleResult, Target, TaskKind, Topic,
} from "../../../ports/database.ts";
import type { Ending, Setting, TaskEnding } from "../common/stored.ts";

/** A change on its way: kind, role, path, fragment, bytes; one array for all, which is cheap to copy. */
export type FlatChanges = readonly (string | number)[];
export const FLAT_WIDTH = 5;

/** A change that waits for people to sign a role. */
export interface Wait {
  readonly id: number;
  readonly task: string;
  readonly for: string;
}

/** A part of a run of an import. Place, role, path, fragment, one after another. */
export interface RunPart {
  readonly task: string;
  readonly writer: string;
  readonly after: number;
  /** Changes of the whole run, and of the parts before. */
  readonly total: number;
  readonly offset: number;
  readonly flat: readonly (string | number)[];
  /** With the last part: how many lines the import has then, and how many of this run's made no change. */
  readonly ends: { readonly lines: number; readonly invalid: number } | undefined;
}
export const FLAT_RUN_WIDTH = 4;

export interface AcceptMessage {
  readonly task: { readonly id: string; readonly kind: TaskKind; readonly createdMs: number; readonly request: string };
  /** The changes, or where they were staged. */
  readonly changes: { readonly flat: FlatChanges } | { readonly staging: number };
  readonly count: number;
  readonly bytes: number;
  readonly held: boolean;
  readonly releaseHeld: boolean;
  readonly result: Ending | undefined;
  readonly settings: readonly Setting[];
  readonly expectBootstrap: { readonly was: string | undefined } | undefined;
  readonly event: EventEffect | undefined;
  readonly import: { readonly writer: string; readonly lines: number } | undefined;
  readonly idempotency: { readonly principal: string; readonly key: string; readonly bodySha256: string } | undefined;
  readonly limits: { readonly changes: number; readonly bytes: number };
}

export interface CommitMessage extends Omit<Commit, "settings" | "newRoles" | "retiredRoles"> {
  readonly settings: readonly Setting[];
  readonly newRoles: NonNullable<Commit["newRoles"]>;
  readonly retiredRoles: readonly string[];
}

export interface EndEventMessage {
  readonly envelopes: Commit["envelopes"];
  readonly settings: readonly Setting[];
  readonly results: readonly TaskEnding[];
}

export interface AdoptMessage extends Omit<Adoption, "results" | "press" | "settings"> {
  readonly settings: readonly Setting[];
  readonly results: readonly TaskEnding[];
  readonly press: AcceptMessage | undefined;
}

export interface Halted {
  readonly code: string;
  readonly reason: string;
}

export interface CutSlice extends Pick<NewBatch, "id" | "changes" | "events"> {
  /** With these the batch is open. */
  readonly isLast: boolean;
  /** Others may pass the batch, and do. */
  readonly patiently: boolean;
}

/** Every call that writes. */
export interface WriteCalls {
  accept: (request: AcceptMessage) => Accepted;
  /** Writes a slice of `total` changes nobody reads yet; the first call (staging 0) answers the staging's number. */
  stage: (staging: number, total: number, offset: number, held: boolean, flat: FlatChanges) => number;
  unstage: (staging: number) => undefined;
  openImport: (request: NewImport) => ImportState;
  stageRun: (part: RunPart) => undefined;
  dropImport: (task: string, writer: string) => undefined;
  takeLease: (holder: string, ttlMs: number) => Lease | undefined;
  renewLease: (lease: Lease, ttlMs: number) => undefined;
  releaseLease: (lease: Lease) => undefined;
  halt: (lease: Lease, halted: Halted | undefined) => undefined;
  /** Begins a batch of `total` changes with the first of them; it is open when it has all. */
  cut: (lease: Lease, batch: NewBatch, total: number) => { readonly firstVersion: number };
  /** More of them; when it fails, what was bound is given back. */
  cutOn: (lease: Lease, batch: CutSlice) => undefined;
  undoCut: (batch: string) => undefined;
  rebase: (lease: Lease, batch: string, base: string) => { readonly snapshotVersion: number };
  allocate: (lease: Lease, count: number, above: number) => number;
  stageResults: (lease: Lease, batch: string, results: readonly RoleResult[]) => undefined;
  stageMoves: (lease: Lease, batch: string, moves: readonly Move[]) => undefined;
  stageTaskResults: (lease: Lease, batch: string, results: readonly TaskEnding[]) => undefined;
  commit: (lease: Lease, commit: CommitMessage) => { readonly seq: number };
  markVisible: (lease: Lease, seq: number) => undefined;
  fold: (lease: Lease, limit: number, patiently: boolean) => { readonly remaining: boolean };
  dropBatch: (lease: Lease, batch: string, died: boolean) => undefined;
  endTasks: (lease: Lease, results: readonly TaskEnding[], settings: readonly Setting[], events: readonly EventEffect[]) => undefined;
  shareOut: (lease: Lease, batch: string, terms: string, shares: readonly NewShare[]) => undefined;
  claimShare: (holder: string, ttlMs: number) => ClaimedShare | undefined;
  renewClaim: (claim: Claim, ttlMs: number) => undefined;
  releaseClaim: (claim: Claim) => undefined;
  finishShare: (claim: Claim, results: readonly RoleResult[]) => undefined;
  setWaiting: (lease: Lease, changes: readonly Wait[]) => undefined;
  resumeWaiting: (lease: Lease, role: string | undefined) => undefined;
  freezeEvent: (lease: Lease, event: string, frozen: { readonly bytes: Uint8Array; readonly signatures: number }) => undefined;
  endEvent: (lease: Lease, event: string, ending: EndEventMessage) => undefined;
  forgetEvent: (lease: Lease, event: string) => undefined;
  stageAdopted: (lease: Lease, adoption: string, role: string, targets: readonly Target[]) => undefined;
  stageEnded: (lease: Lease, adoption: string, changes: readonly CutChange[]) => undefined;
  adopt: (lease: Lease, adoption: AdoptMessage) => { readonly seq: number; readonly readBack: number; readonly dropped: number };
  post: (lease: Lease, notices: readonly NewNotice[]) => undefined;
  takeDelivery: (receiver: string, holder: string, ttlMs: number) => string | undefined;
  keepDelivery: (receiver: string, holder: string, sent: string) => boolean;
  forgetGarbage: (lease: Lease, names: readonly string[]) => undefined;
  forgetBefore: (lease: Lease, limits: ForgetLimits, limit: number) => undefined;
}

/** Calls and replies travel in lots, those of one turn together: a message costs more than what is in a small one. */
export interface Call<K extends keyof WriteCalls = keyof WriteCalls> {
  readonly call: number;
  readonly method: K;
  readonly args: Parameters<WriteCalls[K]>;
}

export interface Fault {
  /** A DatabaseError's code; undefined: a mistake in the program. */
  readonly code: string | undefined;
  readonly message: string;
}

export type Reply =
  | { readonly call: number; readonly value: unknown }
  | { readonly call: number; readonly fault: Fault }
  | { readonly hint: Topic };

/** A batch of so few is one that somebody waits for, not an import's: it is bound as it begins. */
export const SMALL_CUT = 100;
/** Changes that a call of a cut binds: some 5 ms with their commit. Of 2,000 an import is no quicker. */
export const CUT_SLICE = 500;

/** Rows a write transaction touches before it lets others in. */
export const SLICE = 1000;
