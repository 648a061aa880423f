// Releases what was held (`publish_artifacts: false`), of all requests before this one.

import type { NewChange, TaskResult } from "../ports/database.ts";
import { newTaskId, submit, type Idempotency, type OperationDeps, type Submitted } from "./deps.ts";

/** Touches no role: it ends the task with the batch that takes what was released. */
const ALONG: NewChange = { kind: "refresh", role: "", path: "", fragment: "" };

/** Never refused, whatever the state of the repository. @throws DatabaseError as `Database.accept` */
export async function publishArtifacts(deps: OperationDeps, idempotency?: Idempotency): Promise<Submitted> {
  const now = deps.clock.now();
  const { changes: pending } = await deps.database.backlog();
  const task = { id: newTaskId(deps.random), kind: "publish_artifacts", createdMs: now, request: {} } as const;
  const submission = pending === 0 ? { changes: [], result: nothingHeld(now) } : { changes: [ALONG], releaseHeld: true };
  return submit(deps, { task, held: false, ...submission }, idempotency);
}

function nothingHeld(now: number): TaskResult {
  return { state: "SUCCESS", message: "Publish Artifacts Processed", details: { artifact_roles: null }, lastUpdateMs: now };
}
