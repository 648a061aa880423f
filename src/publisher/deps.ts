// What the publisher needs from outside, and its settings.

import type { Clock, Random } from "../ports/clock.ts";
import type { Database } from "../ports/database.ts";
import type { Signers } from "../ports/signer.ts";
import type { Storage } from "../ports/storage.ts";
import type { Telemetry } from "../ports/telemetry.ts";
import type { BinsStyle } from "../roles/delegation.ts";
import type { RefreshPolicy, SigningWindows } from "../roles/refresh.ts";
import type { SnapshotHashes } from "../roles/snapshot.ts";
import type { Verify } from "./seal.ts";

export interface PublisherDeps {
  readonly database: Database;
  readonly storage: Storage;
  readonly signers: Signers;
  /** How every signature is checked before its file is put (promise 7). */
  readonly verify: Verify;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly policy: PublisherPolicy;
}

export interface SharePolicy {
  /** Batches on at least so many roles are shared among publishers; 0: none is. */
  readonly fromRoles: number;
  /** A share has at most so many. */
  readonly mostRoles: number;
}

export interface PublisherPolicy {
  /** Least time between two publishes, milliseconds; 0 publishes at once. */
  readonly minIntervalMs: number;
  readonly maxBatchChanges: number;
  readonly maxBatchBytes: number;
  /** How long a lease lasts without renewal, milliseconds. */
  readonly leaseMs: number;
  readonly share: SharePolicy;
  /** Of so many imported changes or refreshed roles on, the rows of a batch follow while the next one is pressed. */
  readonly foldBehindFrom: number;
  /** Long work goes on so long after others were published beside it, milliseconds; 0: at once. */
  readonly lingerMs: number;
  readonly refresh: RefreshPolicy;
  /** How long an edge may serve a stale timestamp, milliseconds; old files stay that much longer. */
  readonly edgeStaleMs: number;
  readonly keep: { readonly tasksMs: number; readonly committedMs: number; readonly idempotencyMs: number; readonly noticesMs: number; readonly mostNotices: number };
  /** How long old and new online keys sign together before and after a new root is shown, milliseconds (rule 20). */
  readonly settleMs: number;
  /** How long before they expire roles that people sign ask for their signatures; a role's own window goes before. */
  readonly signingWindows: Omit<SigningWindows, "own">;
  readonly snapshotHashes: SnapshotHashes;
  readonly binsStyle: BinsStyle;
  readonly allowUnportableKeys: boolean;
}
