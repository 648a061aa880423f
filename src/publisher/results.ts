// What a task's poller will read once its changes are visible (the contract's result catalogue).

import type { ChangeOutcome, TaskResult, TaskRow } from "../ports/database.ts";

/** What of a task its result tells. */
export type AskedTask = Pick<TaskRow, "kind" | "request">;

export interface EndedChange {
  readonly path: string;
  readonly role: string;
  readonly outcome: ChangeOutcome;
  readonly reason?: string;
}

/** The result of a task all of whose changes came to their end. `publishedRoles`: what its last batch pressed. */
export function taskResult(task: AskedTask, changes: readonly EndedChange[], publishedRoles: readonly string[], nowMs: number): TaskResult {
  const aside = changes.filter((change) => change.outcome === "set-aside");
  if (aside.length > 0) return failed(task, changes, aside, nowMs);
  const paths = (...outcomes: readonly ChangeOutcome[]): string[] =>
    changes.filter((change) => outcomes.includes(change.outcome)).map((change) => change.path);
  switch (task.kind) {
    case "add_artifacts":
      return success("Artifact(s) Added", {
        added_artifacts: paths("apply", "absorbed"),
        invalid_paths: task.request.invalidPaths ?? [],
        artifact_roles: distinctRoles(changes),
      }, nowMs);
    case "remove_artifacts":
      return success("Artifact(s) removed", { deleted_artifacts: paths("apply", "absorbed"), not_found_artifacts: [...paths("not-found"), ...(task.request.invalidPaths ?? [])] }, nowMs);
    case "publish_artifacts":
      return success("Publish Artifacts Processed", { artifact_roles: publishedRoles.length === 0 ? null : publishedRoles }, nowMs);
    case "force_online_metadata_update":
      return success("Force new online metadata update succeeded", { updated_roles: task.request.roles ?? [] }, nowMs);
    default:
      return success("Processed", {}, nowMs);
  }
}

function success(message: string, details: Record<string, unknown>, nowMs: number): TaskResult {
  return { state: "SUCCESS", message, details, lastUpdateMs: nowMs };
}

/** The result of an import, whose paths are too many to tell. `setAside`: how many could not be published, `paths`: the first of them. */
export function importResult(task: AskedTask, { setAside, paths }: { readonly setAside: number; readonly paths: readonly string[] }, nowMs: number): TaskResult {
  const { lines, invalid } = task.request.imported ?? { lines: 0, invalid: 0 };
  const details = { lines, imported_artifacts: lines - invalid - setAside, invalid_paths: invalid };
  if (setAside === 0) return success("Artifact(s) imported", details, nowMs);
  const reason = `${String(setAside)} of ${String(lines - invalid)} artifact(s) could not be published and were set aside: ${paths.join(", ")}${setAside > paths.length ? ", and more" : ""}`;
  return { state: "FAILURE", message: `Importing artifact(s) Failed: ${reason}`, error: reason, details: { ...details, set_aside: setAside }, lastUpdateMs: nowMs };
}

/** How many set-aside paths an error names; of all but imports all are in the details. */
export const NAMED = 5;

function failed(task: AskedTask, changes: readonly EndedChange[], aside: readonly EndedChange[], nowMs: number): TaskResult {
  if (task.kind === "metadata_delegation") {
    const why = aside[0]?.reason ?? "";
    return { state: "FAILURE", message: `Metadata Delegation Failed: ${why}`, error: why, lastUpdateMs: nowMs };
  }
  const named = aside.slice(0, NAMED).map(({ path, reason }) => `${path}: ${reason ?? ""}`).join("; ");
  const more = aside.length > NAMED ? `; and ${String(aside.length - NAMED)} more` : "";
  const applied = changes.filter((change) => change.outcome !== "set-aside").map((change) => change.path);
  const reason = `${String(aside.length)} of ${String(changes.length)} artifact(s) could not be published and were set aside: ${named}${more}`;
  const message = task.kind === "remove_artifacts" ? "Removing artifact(s) Failed" : "Adding artifact(s) Failed";
  return {
    state: "FAILURE",
    message: `${message}: ${reason}`,
    error: reason,
    details: { applied_artifacts: applied, set_aside: aside.map(({ path, reason: why }) => ({ path, reason: why ?? "" })) },
    lastUpdateMs: nowMs,
  };
}

function distinctRoles(changes: readonly EndedChange[]): string[] {
  return [...new Set(changes.filter((change) => change.outcome !== "not-found").map((change) => change.role))];
}
