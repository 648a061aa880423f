// Waiting for a task, for commands that send something to the service.

import { InvalidArgumentError, type Command } from "commander";
import type { RestClient } from "../sdk/client.ts";
import { hasEnded, succeeded, waitForTask, type Task } from "../sdk/tasks.ts";
import type { Progress } from "./output/progress.ts";
import type { Session } from "./session.ts";

export interface WaitFlags {
  readonly wait?: boolean;
  /** Seconds. */
  readonly timeout?: number;
}

/** How long the service is asked to hold the answer to a write. */
export const ANSWER_WAIT_SECONDS = 20;

export function withWait(command: Command): Command {
  return command.option("--wait", "wait until the task has ended, and fail if it fails").option("--timeout <seconds>", "with --wait: give up after so long (exit 3); the task goes on", seconds);
}

export function seconds(text: string): number {
  const value = Number(text);
  if (!/^[0-9]{1,6}(\.[0-9]+)?$/.test(text) || value <= 0) throw new InvalidArgumentError("A number of seconds above 0.");
  return value;
}

export interface FollowOptions {
  /** What the task does, for its error: `adding app.tar.gz`. */
  readonly what: string;
  readonly timeout?: number | undefined;
  /** How far the task is, where it says so: it is then shown as all long work is. */
  readonly far?: Far;
}

export interface Far {
  /** Draws how far it is; false when the task does not say. */
  readonly show: (task: Task) => boolean;
  readonly clear: () => void;
}

/** Of an import, which says how many artifacts clients see already. */
export function farOfImport(session: Session): Far {
  let progress: Progress | undefined;
  return {
    show({ result }) {
      const { lines, imported_artifacts: done, invalid_paths: invalid } = (result?.details ?? {});
      if (typeof lines !== "number" || typeof done !== "number") return false;
      // What was published before we looked counts for no rate.
      progress ??= session.progress({ label: "publish", unit: "artifacts", from: done });
      progress.update(done, lines - (typeof invalid === "number" ? invalid : 0));
      return true;
    },
    clear: () => progress?.clear(),
  };
}

/** A log has a line every ten seconds. */
const SHOWN_EVERY_SECONDS = { screen: 2, log: 10 } as const;

/**
 * The task, after it succeeded; meanwhile a terminal shows what it does. Ctrl-C ends the waiting,
 * not the task.
 * @throws RestError `task-failed`, `task-unfinished`, `interrupted`
 */
export async function follow(session: Session, api: RestClient, taskId: string, options: FollowOptions): Promise<Task> {
  return succeeded(await untilEnded(session, api, taskId, options), options.what);
}

/** The same, however it ended. */
export async function untilEnded(session: Session, api: RestClient, taskId: string, options: { readonly timeout?: number | undefined; readonly far?: Far; readonly onState?: (task: Task) => void; readonly enough?: (task: Task) => boolean }): Promise<Task> {
  const { context } = session;
  const isDrawn = context.isTty && !session.json;
  const draw = (text: string): void => {
    if (isDrawn) context.stderr.write(`\r\u001b[K${text}`);
  };
  draw(`waiting for task ${taskId}`);
  try {
    return await waitForTask(api, taskId, {
      timeoutMs: options.timeout === undefined ? undefined : options.timeout * 1000,
      signal: context.interruption(),
      ...(options.far === undefined ? {} : { everySeconds: context.isTty ? SHOWN_EVERY_SECONDS.screen : SHOWN_EVERY_SECONDS.log }),
      ...(options.enough === undefined ? {} : { enough: options.enough }),
      onChange: (task) => {
        draw("");
        options.onState?.(task);
        if (!hasEnded(task) && options.far?.show(task) !== true) draw(`waiting for task ${taskId}: ${task.state}`);
      },
    });
  } finally {
    draw("");
    options.far?.clear();
  }
}
