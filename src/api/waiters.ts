// Requests that wait for a task to end (`Prefer: wait`), bounded in number and time.
//
// While anybody waits, the log of notices is followed: every end of a task is in it. So a publish costs what ended with
// it, however many wait; when each was looked up again at every hint and every arrival, a thousand that waited took the
// thread that takes requests for themselves. Closing answers everybody at once with what is known.

import type { Clock } from "../ports/clock.ts";
import type { Database } from "../ports/database.ts";
import { followNotices, type Followed } from "../notices/follow.ts";
import { getTask, isEnded, subTaskOf, type TaskView } from "../operations/get-task.ts";

export interface Waiters {
  /** Whether another one may wait. */
  readonly free: boolean;
  /** The task when it ended, or as it is after `ms`, when `signal` aborts, or on close. */
  wait(taskId: string, ms: number, signal: AbortSignal): Promise<TaskView>;
  close(): void;
}

/** After the database did not answer. */
const PAUSE_MS = 1000;
const QUIET_MS = 60_000;

export function createWaiters(deps: { readonly database: Database; readonly clock: Clock }, limit: number): Waiters {
  const { database, clock } = deps;
  const waiting = new Map<string, Set<(view: TaskView) => void>>();
  const closing = new AbortController();
  let count = 0;
  let following: { readonly begun: Promise<void>; readonly end: AbortController } | undefined;

  const wakeIfEnded = async (taskId: string): Promise<void> => {
    if (!waiting.has(taskId)) return;
    const view = await getTask(deps, taskId);
    if (isEnded(view)) for (const wake of waiting.get(taskId) ?? []) wake(view);
  };
  const wakeOf = async ({ notices, missed }: Followed): Promise<void> => {
    if (missed) for (const taskId of [...waiting.keys()]) await wakeIfEnded(taskId);
    for (const { kind, about } of notices) {
      if (kind !== "task-finished") continue;
      const { task_id: taskId } = about;
      if (typeof taskId !== "string") continue;
      await wakeIfEnded(taskId);
      await wakeIfEnded(subTaskOf(taskId));
    }
  };
  const follow = async (from: string, end: AbortSignal): Promise<void> => {
    for (let place = from; !end.aborted; ) {
      try {
        for await (const followed of followNotices(deps, place, QUIET_MS, end)) {
          await wakeOf(followed);
          place = followed.place;
        }
      } catch {
        await clock.sleep(PAUSE_MS, end);
      }
    }
  };
  const begin = (): NonNullable<typeof following> => {
    const end = new AbortController();
    return { end, begun: database.lastNotice().then((place) => { void follow(place, AbortSignal.any([end.signal, closing.signal])); }) };
  };

  return {
    get free() {
      return count < limit && !closing.signal.aborted;
    },

    async wait(taskId, ms, signal) {
      const over = new AbortController();
      const queue = waiting.get(taskId) ?? new Set();
      let wake: (view: TaskView) => void = () => undefined;
      const ended = new Promise<TaskView>((resolve) => { wake = resolve; });
      waiting.set(taskId, queue.add(wake));
      count += 1;
      try {
        // First a place in the log, then the task: it ended before, or the log will tell.
        following ??= begin();
        await following.begun;
        const now = await getTask(deps, taskId);
        if (isEnded(now) || closing.signal.aborted) return now;
        const late = clock.sleep(ms, AbortSignal.any([signal, over.signal, closing.signal]))
          .then(() => (over.signal.aborted ? now : getTask(deps, taskId)))
          .catch(() => now);
        return await Promise.race([ended, late]);
      } finally {
        over.abort();
        queue.delete(wake);
        if (queue.size === 0) waiting.delete(taskId);
        count -= 1;
        if (count === 0) {
          following?.end.abort();
          following = undefined;
        }
      }
    },

    close() {
      closing.abort();
    },
  };
}
