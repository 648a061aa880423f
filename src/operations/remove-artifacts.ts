// Artifacts go: each path becomes a change of the role that lists it. Whether it is listed
// at all is found when the batch is cut, after every change before it.

import { nextTurn } from "../lib/turn.ts";
import type { NewChange, TaskResult } from "../ports/database.ts";
import { checkPath, theirs } from "./add-artifacts.ts";
import { newTaskId, submit, type Idempotency, type OperationDeps, type Submitted } from "./deps.ts";
import { FaultList } from "./errors.ts";

export interface RemoveArtifacts {
  readonly paths: readonly string[];
  /** False: held until a publish request. */
  readonly publish: boolean;
}

const SLICE = 500;

/**
 * @throws OperationError `bootstrap-required`; InvalidRequest with every fault;
 *         DatabaseError as `Database.accept`
 */
export async function removeArtifacts(deps: OperationDeps, request: RemoveArtifacts, idempotency?: Idempotency): Promise<Submitted> {
  const { ownerOf, outside } = await deps.owners.door();
  let later: ((path: string) => string | undefined) | undefined;
  const faults = new FaultList();
  const seen = new Set<string>();
  const changes: NewChange[] = [];
  const roles = new Set<string>();
  const unowned: string[] = [];
  for (const [index, text] of request.paths.entries()) {
    if (index % SLICE === SLICE - 1) await nextTurn();
    const path = checkPath(text, ["artifacts", index], seen, faults, []);
    if (path === undefined || !faults.empty) continue;
    const role = ownerOf(path) ?? (later ??= await deps.owners.pending())(path);
    if (role === undefined) {
      unowned.push(path);
      continue;
    }
    if (outside.has(role)) {
      faults.add(theirs(role, ["artifacts", index], path));
      continue;
    }
    roles.add(role);
    changes.push({ kind: "remove", role, path, fragment: "" });
  }
  faults.raise();

  const now = deps.clock.now();
  const result = changes.length === 0 ? endedAtOnce(unowned, now) : undefined;
  return submit(
    deps,
    {
      task: {
        id: newTaskId(deps.random),
        kind: "remove_artifacts",
        createdMs: now,
        request: { paths: changes.map((change) => change.path), roles: [...roles], ...(unowned.length === 0 ? {} : { invalidPaths: unowned }) },
      },
      changes,
      held: !request.publish,
      ...(result === undefined ? {} : { result }),
    },
    idempotency,
  );
}

function endedAtOnce(unowned: readonly string[], now: number): TaskResult {
  if (unowned.length === 0) {
    // The contract's spelling.
    return { state: "ERRORED", message: "Removing artifact(s) Failed", error: "At list one artifact is required", lastUpdateMs: now };
  }
  return { state: "SUCCESS", message: "Artifact(s) removed", details: { deleted_artifacts: [], not_found_artifacts: unowned }, lastUpdateMs: now };
}
