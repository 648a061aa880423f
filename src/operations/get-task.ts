// What a poller is told about a task.
//
// Only ends are stored; everything before is derived from the task's row (protocol rule
// 16): an add or remove is RUNNING until clients can see its effect.

import type { Database, TaskKind, TaskResult, TaskRow } from "../ports/database.ts";
import type { OperationDeps } from "./deps.ts";

export type TaskState = "PENDING" | "STARTED" | "RUNNING" | "SUCCESS" | "ERRORED" | "FAILURE";

export interface TaskView {
  readonly taskId: string;
  readonly state: TaskState;
  /** Absent while PENDING. */
  readonly result?: TaskViewResult;
}

export interface TaskViewResult {
  readonly kind?: TaskKind;
  /** True for SUCCESS, false for ERRORED, absent else. */
  readonly status?: boolean;
  readonly message?: string;
  readonly error?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly lastUpdateMs?: number;
}

/** The task in which an add or remove was published has no row of its own; its id derives from theirs. */
const SUB_TASK = "publish_artifacts-";

export const subTaskOf = (taskId: string): string => `${SUB_TASK}${taskId}`;

/** A task nobody knows is PENDING, as in the contract. */
export async function getTask(deps: Pick<OperationDeps, "database">, taskId: string): Promise<TaskView> {
  if (taskId.startsWith(SUB_TASK)) return subTask(deps.database, taskId);
  return viewOf(taskId, await lookUp(deps.database, taskId));
}

export function isEnded(view: TaskView): boolean {
  return view.state === "SUCCESS" || view.state === "ERRORED" || view.state === "FAILURE";
}

/** Ids are 32 hex digits; anything else is nobody's and need not be looked up. */
async function lookUp(database: Database, taskId: string): Promise<TaskRow | undefined> {
  return /^[0-9a-f]{32}$/.test(taskId) ? database.getTask(taskId) : undefined;
}

function viewOf(taskId: string, row: TaskRow | undefined): TaskView {
  if (row === undefined) return { taskId, state: "PENDING" };
  if (row.result !== undefined) return { taskId, state: row.result.state, result: endedResult(row.kind, row.result) };
  if (row.kind === "import_artifacts") return { taskId, state: "RUNNING", result: { message: messageOf(row), lastUpdateMs: row.createdMs, details: importDetails(row) } };
  if (openStateOf(row.kind) === "PENDING" && row.waitingFor.length === 0) return { taskId, state: "PENDING" };
  return {
    taskId,
    state: "RUNNING",
    result: {
      message: messageOf(row),
      lastUpdateMs: row.createdMs,
      details: {
        published_roles: [],
        roles_to_publish: pythonList(row.request.roles ?? []),
        ...(row.waitingFor.length > 0 ? { waiting_for: row.waitingFor } : {}),
      },
    },
  };
}

const messageOf = ({ held, waitingFor }: TaskRow): string => (held ? "Held until published" : waitingFor.length > 0 ? "Waiting for signatures" : "Publishing");

/** How far an import is: clients see so much of it, and a batch more for the moments until that is folded. */
function importDetails({ request, remaining = 0, waitingFor }: TaskRow): Record<string, unknown> {
  const { lines, invalid } = request.imported ?? { lines: 0, invalid: 0 };
  return { lines, imported_artifacts: lines - invalid - remaining, invalid_paths: invalid, ...(waitingFor.length > 0 ? { waiting_for: waitingFor } : {}) };
}

/** A task without a result: artifacts are on their way until clients see them. */
export function openStateOf(kind: TaskKind): "PENDING" | "RUNNING" {
  return kind === "add_artifacts" || kind === "remove_artifacts" || kind === "import_artifacts" ? "RUNNING" : "PENDING";
}

function endedResult(kind: TaskKind, result: TaskResult): TaskViewResult {
  const { message, details, lastUpdateMs, error } = result;
  if (result.state === "FAILURE") return { message, ...(error === undefined ? {} : { error }), ...(details === undefined ? {} : { details }) };
  return {
    kind,
    status: result.state === "SUCCESS",
    message,
    lastUpdateMs,
    ...(error === undefined ? {} : { error }),
    ...(details === undefined ? {} : { details }),
  };
}

async function subTask(database: Database, taskId: string): Promise<TaskView> {
  const row = await lookUp(database, taskId.slice(SUB_TASK.length));
  if (row === undefined || (row.kind !== "add_artifacts" && row.kind !== "remove_artifacts")) return { taskId, state: "PENDING" };
  if (row.result === undefined) return row.held ? { taskId, state: "PENDING" } : { taskId, state: "STARTED", result: {} };
  const roles = row.request.roles ?? [];
  // Without roles there was nothing to publish, whatever became of the request.
  if (row.result.state === "SUCCESS" || roles.length === 0) {
    const details = { artifact_roles: roles.length === 0 ? null : roles };
    return {
      taskId,
      state: "SUCCESS",
      result: { kind: "publish_artifacts", status: true, message: "Publish Artifacts Processed", details, lastUpdateMs: row.result.lastUpdateMs },
    };
  }
  return { taskId, state: row.result.state, result: endedResult("publish_artifacts", row.result) };
}

/** The contract's `roles_to_publish` is a Python list in text form. Role names need no escapes. */
function pythonList(names: readonly string[]): string {
  return `[${names.map((name) => `'${name}'`).join(", ")}]`;
}
