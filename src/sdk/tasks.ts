// What became of a task. The service is asked to answer when the task ended, so that waiting
// costs one request a minute; where it does not (an older one, or too many wait), questions
// come further and further apart.

import type { TaskResult, TaskState } from "./api-types.ts";
import type { RestClient } from "./client.ts";
import { RestError } from "./errors.ts";

export interface Task {
  readonly taskId: string;
  readonly state: TaskState;
  readonly result: TaskResult | undefined;
}

export interface WaitOptions {
  /** Gives up after so long; the task goes on. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The service is asked at least so often, by who shows how far the task is. */
  readonly everySeconds?: number | undefined;
  /** Called with each state that differs from the one before, or has other details. */
  readonly onChange?: (task: Task) => void;
  /** Whether this is enough, though the task goes on. */
  readonly enough?: (task: Task) => boolean;
}

/** States after which nothing more happens. */
const ENDED: ReadonlySet<TaskState> = new Set<TaskState>(["SUCCESS", "FAILURE", "ERRORED", "REVOKED", "REJECTED", "IGNORED"]);

const ASK_SECONDS = 20;
const FIRST_PAUSE_MS = 200;
const MAX_PAUSE_MS = 5_000;
/** A service that restarts is back by then. */
const OUTAGE_MS = 60_000;

export function hasEnded(task: Task): boolean {
  return ENDED.has(task.state);
}

/** Roles whose people have to sign before the task goes on. */
export function waitingFor(task: Task): readonly string[] {
  const roles = hasEnded(task) ? undefined : task.result?.details?.["waiting_for"];
  return Array.isArray(roles) ? roles.filter((role) => typeof role === "string") : [];
}

export async function getTask(client: RestClient, taskId: string, options: { readonly waitSeconds?: number; readonly signal?: AbortSignal | undefined } = {}): Promise<Task> {
  const { data } = await client.call("GET /api/v1/task/", { query: { task_id: taskId }, ...options });
  return { taskId: data.task_id, state: data.state, result: data.result };
}

/**
 * The task when it ended, well or not, or when that is `enough`. A service that is gone for less than a minute (a restart)
 * is waited for.
 * @throws RestError `task-unfinished` when the time is over, `interrupted`, or why it cannot be asked
 */
export async function waitForTask(client: RestClient, taskId: string, options: WaitOptions = {}): Promise<Task> {
  const { timing } = client;
  const endsMs = timing.monotonic() + (options.timeoutMs ?? Number.POSITIVE_INFINITY);
  let told = "";
  let pauseMs = FIRST_PAUSE_MS;
  let gone: { readonly sinceMs: number; readonly error: RestError } | undefined;
  for (;;) {
    const leftMs = endsMs - timing.monotonic();
    const waitSeconds = Math.min(options.everySeconds ?? ASK_SECONDS, Math.floor(leftMs / 1000));
    const askedMs = timing.monotonic();
    let task: Task | undefined;
    try {
      task = await getTask(client, taskId, { ...(waitSeconds < 1 ? {} : { waitSeconds }), signal: options.signal });
      gone = undefined;
    } catch (error) {
      if (options.signal?.aborted === true) throw interrupted(taskId, error);
      if (!isOutage(error)) throw error;
      gone = { sinceMs: gone?.sinceMs ?? askedMs, error };
      if (timing.monotonic() - gone.sinceMs > OUTAGE_MS) throw error;
    }
    if (task !== undefined) {
      const now = JSON.stringify([task.state, task.result]);
      if (now !== told) options.onChange?.(task);
      told = now;
      if (hasEnded(task) || options.enough?.(task) === true) return task;
    }
    const nowMs = timing.monotonic();
    if (nowMs >= endsMs) throw unfinished(taskId, task, gone?.error);
    // An answer that came at once although a wait was asked for: then we wait.
    if (task === undefined || nowMs - askedMs < (waitSeconds * 1000) / 2) {
      await timing.sleep(Math.max(0, Math.min(pauseMs * (0.75 + timing.fraction() / 2), endsMs - nowMs)), options.signal);
      pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 1.6);
    } else pauseMs = FIRST_PAUSE_MS;
    if (options.signal?.aborted === true) throw interrupted(taskId);
  }
}

/**
 * The task, which succeeded.
 * @param todo in place of a look at the task
 * @throws RestError `task-failed` saying what the service said
 */
export function succeeded(task: Task, what: string, todo = `rstuf task info ${task.taskId} shows all of it`): Task {
  if (task.state === "SUCCESS" && task.result?.status !== false) return task;
  const why = [task.result?.message, task.result?.error].filter((text) => text !== undefined).join(": ");
  throw new RestError("task-failed", `${what}: the task ended as ${task.state}`, { why: why === "" ? undefined : why, todo, taskId: task.taskId });
}

function unfinished(taskId: string, task: Task | undefined, error: RestError | undefined): RestError {
  const why = task !== undefined ? `it is ${task.state}, and goes on` : error === undefined ? undefined : `the service does not answer: ${error.why ?? error.message}`;
  return new RestError("task-unfinished", task === undefined ? `whether task ${taskId} has ended is not known` : `task ${taskId} has not ended yet`, { why, todo: `rstuf task watch ${taskId}`, taskId });
}

function interrupted(taskId: string, cause?: unknown): RestError {
  return new RestError("interrupted", `waiting for task ${taskId} was interrupted`, { why: "the task goes on", todo: `rstuf task watch ${taskId}`, taskId, cause });
}

function isOutage(error: unknown): error is RestError {
  return error instanceof RestError && (error.code === "unreachable" || error.code === "unavailable" || error.code === "too-slow");
}
