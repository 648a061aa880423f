// How a task reads.

import type { Task } from "../../../sdk/tasks.ts";
import type { Session } from "../../session.ts";
import { factLines } from "../../output/table.ts";
import { printable } from "../../printable.ts";

/** A few lines; with `all`, what the service said of it as well. */
export function tellTask(session: Session, task: Task, all: boolean): void {
  const { taskId, state, result } = task;
  session.emit({ taskId, state, ...(result === undefined ? {} : { result }) });
  if (session.json) return;
  const paint = state === "SUCCESS" ? session.style.good : state === "FAILURE" || state === "ERRORED" ? session.style.bad : session.style.warn;
  const told = (text: string | undefined): string | undefined => (text === undefined ? undefined : printable(text));
  for (const line of factLines(session.context, [["task", printable(taskId)], ["state", paint(state)], ["does", told(result?.task)], ["message", told(result?.message)], ["error", told(result?.error)], ["updated", told(result?.last_update)]])) session.say(line);
  if (all && result?.details !== undefined) session.say(JSON.stringify(result.details, null, 2));
}

/** One line a state, with the time; with --json the same object that the task is shown as. */
export function tellState(session: Session, task: Task): void {
  const { taskId, state, result } = task;
  session.emit({ taskId, state, ...(result === undefined ? {} : { result }) });
  session.note(`${new Date(session.context.clock.now()).toISOString().slice(11, 19)} ${state}${result?.message === undefined ? "" : `  ${printable(result.message)}`}`);
}
