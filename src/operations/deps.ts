// What every operation needs, and what it may be asked to do at most.

import type { Clock, Random } from "../ports/clock.ts";
import type { Accepted, AcceptRequest, Database } from "../ports/database.ts";
import type { Owners } from "./owners.ts";
import type { SigningWindows } from "../roles/refresh.ts";

export interface OperationDeps {
  readonly database: Database;
  readonly clock: Pick<Clock, "now">;
  readonly random: Random;
  readonly owners: Owners;
  readonly limits: OperationLimits;
  /** What is left of a lifetime when a role is signed again; a third when absent. */
  readonly refreshAtFraction?: number | undefined;
  /** A document that would expire so soon is not published any more; 0 when absent. */
  readonly refreshMarginMs?: number | undefined;
  /** How long before they expire roles ask people for their signatures. */
  readonly signingWindows?: Omit<SigningWindows, "own"> | undefined;
}

export interface OperationLimits {
  readonly artifactsPerRequest: number;
  /** Bytes of one artifact's `custom` as canonical JSON. */
  readonly customBytes: number;
  /** Lines of one import. */
  readonly importArtifacts: number;
  /** Imports that are begun and not complete. */
  readonly openImports: number;
  /** Bounds of the backlog, all pending changes of all requests. */
  readonly backlog: { readonly changes: number; readonly bytes: number };
}

/** Who sends the same request again gets the first one's task. The body is compared by its hash. */
export type Idempotency = NonNullable<AcceptRequest["idempotency"]>;

/** What the caller of an accepted request is told. */
export interface Submitted {
  readonly taskId: string;
  /** When the task was accepted, milliseconds. */
  readonly acceptedMs: number;
}

export function newTaskId(random: Random): string {
  return random.hex(16);
}

type Submission = Omit<AcceptRequest, "limits" | "idempotency">;

/** Room beyond the backlog's bounds for requests that help to empty it, so that a full one can be. */
const ROOM_TO_RELEASE = 10_000;

/**
 * Makes a request durable, together with its changes, result and settings.
 * @throws DatabaseError as `Database.accept`
 */
export async function submit(deps: OperationDeps, submission: Submission, idempotency: Idempotency | undefined): Promise<Submitted> {
  const { changes, bytes } = deps.limits.backlog;
  const accepted: Accepted = await deps.database.accept({
    ...submission,
    limits: { changes: submission.releaseHeld === true ? changes + ROOM_TO_RELEASE : changes, bytes },
    ...(idempotency === undefined ? {} : { idempotency }),
  });
  if (accepted.outcome === "accepted") return { taskId: submission.task.id, acceptedMs: submission.task.createdMs };
  const first = await deps.database.getTask(accepted.taskId);
  return { taskId: accepted.taskId, acceptedMs: first?.createdMs ?? submission.task.createdMs };
}
