// Whether there is such a task. The contract has the service answer PENDING for numbers it never gave,
// so that waiting for one of those would never end; the list of tasks tells them from those that wait.

import type { RestClient } from "../../../sdk/client.ts";
import { RestError } from "../../../sdk/errors.ts";
import { getTask, type Task } from "../../../sdk/tasks.ts";
import { CliError } from "../../errors.ts";

/** A service without a list is given so long to begin. */
export const UNLISTED_SECONDS = 300;
const PAGE = 1000;
/** Few tasks are PENDING at one time: requests of people. */
const MOST_PAGES = 20;
/** The task in which an artifact was published has its number behind this. */
const SUB_TASK = /^publish_artifacts-/;

export interface Known {
  readonly task: Task;
  /** Nothing says that it exists: wait with an end. */
  readonly isDoubtful: boolean;
}

/** The task as it is now. @throws CliError `task-unknown`; RestError when nobody answers */
export async function knownTask(api: RestClient, taskId: string, signal: AbortSignal): Promise<Known> {
  const task = await getTask(api, taskId, { signal });
  if (!isUncertain(task)) return { task, isDoubtful: false };
  const isListed = await isPending(api, taskId.replace(SUB_TASK, ""), signal);
  if (isListed !== false) return { task, isDoubtful: isListed === undefined };
  // It may have gone on between the two questions.
  const again = await getTask(api, taskId, { signal });
  if (!isUncertain(again)) return { task: again, isDoubtful: false };
  throw new CliError("task-unknown", `the service knows no task ${taskId}`, { why: "it never gave this number, or the task ended so long ago that it was forgotten", todo: "rstuf task list shows those there are; is this the right service?" });
}

export const isUncertain = ({ state, result }: Task): boolean => state === "PENDING" && result === undefined;

/** Undefined: this service has no list of tasks, or too long a one. */
async function isPending(api: RestClient, taskId: string, signal: AbortSignal): Promise<boolean | undefined> {
  let cursor: string | undefined;
  try {
    for (let pages = 0; pages < MOST_PAGES; pages += 1) {
      const page = await api.call("GET /api/v1/tasks", { query: { state: "PENDING", limit: PAGE, ...(cursor === undefined ? {} : { cursor }) }, signal });
      if (page.data.some(({ task_id: id }) => id === taskId)) return true;
      cursor = page.next;
      if (cursor === undefined) return false;
    }
    return undefined;
  } catch (error) {
    if (error instanceof RestError && error.status === 404) return undefined;
    throw error;
  }
}
