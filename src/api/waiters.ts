// Requests that wait for a task to end (`Prefer: wait`), bounded in number and time.
//
// Woken by the database's `visible` hints, which may be late or lost, and by a poll once a
// second while anybody waits. Each wake asks for each awaited task once, however many wait
// for it. Closing answers everybody at once with what is known.

import type { Clock } from "../ports/clock.ts";
import type { Database } from "../ports/database.ts";
import { getTask, isEnded, type TaskView } from "../operations/get-task.ts";

export interface Waiters {
  /** Whether another one may wait. */
  readonly free: boolean;
  /** The task when it ended, or as it is after `ms`, when `signal` aborts, or on close. */
  wait(taskId: string, ms: number, signal: AbortSignal): Promise<TaskView>;
  close(): void;
}

const POLL_MS = 1000;

export function createWaiters(deps: { readonly database: Database; readonly clock: Clock }, limit: number): Waiters {
  const waiting = new Map<string, Set<(view: TaskView) => void>>();
  const closing = new AbortController();
  let count = 0;
  let checking = false;
  let again = false;
  let polling = false;

  const check = async (): Promise<void> => {
    again = true;
    if (checking) return;
    checking = true;
    try {
      while (again) {
        again = false;
        for (const taskId of [...waiting.keys()]) {
          const view = await getTask(deps, taskId);
          if (isEnded(view)) for (const wake of waiting.get(taskId) ?? []) wake(view);
        }
      }
    } catch {
      // The database does not answer: the next poll asks again, and every wait has its end.
    } finally {
      checking = false;
    }
  };
  const poll = async (): Promise<void> => {
    if (polling) return;
    polling = true;
    while (count > 0 && !closing.signal.aborted) {
      await deps.clock.sleep(POLL_MS, closing.signal);
      await check();
    }
    polling = false;
  };
  const unsubscribe = deps.database.subscribe("visible", () => void check());

  return {
    get free() {
      return count < limit && !closing.signal.aborted;
    },

    async wait(taskId, ms, signal) {
      const now = await getTask(deps, taskId);
      if (isEnded(now) || closing.signal.aborted) return now;
      count += 1;
      const over = new AbortController();
      const either = AbortSignal.any([signal, over.signal, closing.signal]);
      const ended = new Promise<TaskView>((resolve) => {
        const queue = waiting.get(taskId) ?? new Set();
        waiting.set(taskId, queue.add(resolve));
        void deps.clock.sleep(ms, either).then(() => {
          queue.delete(resolve);
          if (queue.size === 0) waiting.delete(taskId);
          void getTask(deps, taskId).catch(() => now).then(resolve);
        });
      });
      void poll();
      // It may have ended between the first look and our place in the queue.
      void check();
      try {
        return await ended;
      } finally {
        count -= 1;
        over.abort();
      }
    },

    close() {
      closing.abort();
      unsubscribe();
    },
  };
}
