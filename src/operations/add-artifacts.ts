// Artifacts come in: checked at the door, each given its role and its canonical fragment,
// then accepted in one transaction. Nothing of a request with a fault is applied.

import { nextTurn } from "../lib/turn.ts";
import type { NewChange, TaskResult } from "../ports/database.ts";
import type { Json, JsonObject } from "../tuf/documents.ts";
import { TufError } from "../tuf/errors.ts";
import { parseTargetPath } from "../tuf/paths.ts";
import { parseTargetFile, targetFileFaults } from "../tuf/target.ts";
import { newTaskId, submit, type Idempotency, type OperationDeps, type Submitted } from "./deps.ts";
import { FaultList, type Fault } from "./errors.ts";
import type { Door } from "./owners.ts";

export interface ArtifactToAdd {
  readonly path: string;
  readonly info: { readonly length: number; readonly hashes: { readonly [algorithm: string]: string }; readonly custom?: JsonObject | null };
}

export interface AddArtifacts {
  readonly artifacts: readonly ArtifactToAdd[];
  /** Adds member `added_by_task_id` to each custom that has none of its own. */
  readonly addTaskIdToCustom: boolean;
  /** False: held until a publish request. */
  readonly publish: boolean;
}

/** How many artifacts are checked before others get their turn: about 5 ms of work. */
const SLICE = 200;

/**
 * @throws OperationError `bootstrap-required`; InvalidRequest with every fault;
 *         DatabaseError as `Database.accept`
 */
export async function addArtifacts(deps: OperationDeps, request: AddArtifacts, idempotency?: Idempotency): Promise<Submitted> {
  const door = await deps.owners.door();
  const taskId = newTaskId(deps.random);
  const checked = await checkArtifacts(deps, door, request, taskId);
  const now = deps.clock.now();
  const result = checked.changes.length === 0 ? nothingToPublish(checked.invalidPaths, now) : undefined;
  return submit(
    deps,
    {
      task: {
        id: taskId,
        kind: "add_artifacts",
        createdMs: now,
        request: { paths: checked.changes.map((change) => change.path), roles: checked.roles, invalidPaths: checked.invalidPaths },
      },
      changes: checked.changes,
      held: !request.publish,
      ...(result === undefined ? {} : { result }),
    },
    idempotency,
  );
}

interface Checked {
  readonly changes: readonly NewChange[];
  /** In order of first use. */
  readonly roles: readonly string[];
  readonly invalidPaths: readonly string[];
}

async function checkArtifacts(deps: OperationDeps, { ownerOf, outside }: Door, request: AddArtifacts, taskId: string): Promise<Checked> {
  let later: ((path: string) => string | undefined) | undefined;
  const faults = new FaultList();
  const changes: NewChange[] = [];
  const roles = new Set<string>();
  const invalidPaths: string[] = [];
  const paths = new Set<string>();
  for (const [index, artifact] of request.artifacts.entries()) {
    if (index % SLICE === SLICE - 1) await nextTurn();
    const at = ["artifacts", index];
    const path = checkPath(artifact.path, at, paths, faults);
    const fragment = checkInfo(deps, request, artifact, taskId, at, faults);
    if (path === undefined || fragment === undefined || !faults.empty) continue;
    const role = ownerOf(path) ?? (later ??= await deps.owners.pending())(path);
    if (role === undefined) {
      invalidPaths.push(path);
      continue;
    }
    if (outside.has(role)) {
      faults.add(theirs(role, [...at, "path"], path));
      continue;
    }
    roles.add(role);
    changes.push({ kind: "add", role, path, fragment });
  }
  faults.raise();
  return { changes, roles: [...roles], invalidPaths };
}

type At = readonly (string | number)[];

/** The path is of a role that a team signs elsewhere: nobody changes it here. */
export const theirs = (role: string, at: At, input: string): Fault =>
  ({ at, rule: `role ${role} takes this path, and its team signs it elsewhere: the team lists it in the metadata it uploads with PUT /api/v1/delegations/${role}/metadata`, code: "role-outside", input });

/** A path that is well-formed and stands once in its request, or undefined with the fault listed. */
export function checkPath(text: string, at: At, seen: Set<string>, faults: FaultList, member: readonly string[] = ["path"]): string | undefined {
  try {
    const path: string = parseTargetPath(text);
    if (seen.has(path)) {
      faults.add({ at: [...at, ...member], rule: "this path stands twice in the request", code: "target-path-twice", input: text });
      return undefined;
    }
    seen.add(path);
    return path;
  } catch (error) {
    if (!(error instanceof TufError)) throw error;
    faults.add({ at: [...at, ...member], rule: error.message, code: error.code, input: text });
    return undefined;
  }
}

function checkInfo(deps: OperationDeps, request: AddArtifacts, artifact: ArtifactToAdd, taskId: string, at: At, faults: FaultList): string | undefined {
  const { length, hashes, custom } = artifact.info;
  const added = request.addTaskIdToCustom ? { added_by_task_id: taskId, ...custom } : custom;
  const target: Record<string, Json> = { length, hashes };
  if (added !== undefined && added !== null) target["custom"] = added;
  const limits = { customBytes: deps.limits.customBytes };
  try {
    return parseTargetFile(target, limits).fragment;
  } catch (error) {
    if (!(error instanceof TufError)) throw error;
    for (const fault of targetFileFaults(target, limits)) {
      const member = fault.at[0];
      faults.add({ at: [...at, "info", ...fault.at], rule: `${String(member)} ${fault.message}`, code: fault.code, input: artifact.info[member as keyof ArtifactToAdd["info"]] });
    }
    return undefined;
  }
}

function nothingToPublish(invalidPaths: readonly string[], now: number): TaskResult {
  return {
    state: "SUCCESS",
    message: "Artifact(s) Added",
    details: { added_artifacts: [], invalid_paths: invalidPaths, artifact_roles: [] },
    lastUpdateMs: now,
  };
}
