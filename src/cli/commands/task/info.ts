// rstuf task info and watch: what became of a request. `info` waits until the task has ended, as
// scripts expect of it, and shows it once; `watch` tells each state as it comes.

import { Command } from "commander";
import { getTask, hasEnded, type Task } from "../../../sdk/tasks.ts";
import type { CliContext } from "../../context.ts";
import { examplesText } from "../../examples.ts";
import { EXIT } from "../../exit-codes.ts";
import { farOfImport, seconds, untilEnded, type Far } from "../../follow.ts";
import { withServer } from "../../options.ts";
import { openSession, type Session } from "../../session.ts";
import { isUncertain, knownTask, UNLISTED_SECONDS } from "./known.ts";
import { tellState, tellTask } from "./task-text.ts";

interface Flags {
  readonly all?: boolean;
  readonly now?: boolean;
  readonly timeout?: number;
}

export const TASK_INFO_EXAMPLES = ["rstuf task info 33e66671dcc84cdfa2535a1eb030104c --now --api-server http://127.0.0.1:8080"] as const;

export function taskInfoCommand(context: CliContext): Command {
  return withServer(new Command())
    .description("Waits until a task has ended, and shows it; with --now shows it as it is. A number that the service does not know is told to be one; with --now it is PENDING, as the API has it.")
    .argument("<task-id>", "as the command said that sent the request")
    .option("-a, --all", "all details")
    .option("--now", "do not wait")
    .option("--timeout <seconds>", "give up after so long", seconds)
    .addHelpText("after", examplesText([{ commands: TASK_INFO_EXAMPLES }], "0 succeeded, or with --now not failed, 1 failed, or unknown,\n2 used wrongly, 3 not ended in time"))
    .action(async (taskId: string, flags: Flags, self: Command) => {
      const session = await openSession(context, self);
      const api = await session.api();
      const task = flags.now === true ? await getTask(api, taskId, { signal: context.interruption() }) : await ended(session, taskId, flags.timeout);
      if (flags.now === true && isUncertain(task)) session.note("It has not begun, or there is no task of this number, or it ended long ago: rstuf task list shows those there are.");
      tellTask(session, task, flags.all === true);
      context.setExitCode(hasFailed(task) ? EXIT.failed : EXIT.done);
    });
}

export function taskWatchCommand(context: CliContext): Command {
  return withServer(new Command())
    .description("Tells each state of a task until it has ended. Ctrl-C ends the waiting, not the task. A number that the service does not know is told to be one.")
    .argument("<task-id>", "as the command said that sent the request")
    .option("-a, --all", "all details")
    .option("--timeout <seconds>", "give up after so long", seconds)
    .addHelpText("after", examplesText([{ title: "With the id that artifact add said:", commands: ["rstuf task watch TASK_ID --api-server http://127.0.0.1:8080"] }], "0 succeeded, 1 failed, or unknown, 2 used wrongly, 3 not ended in time"))
    .action(async (taskId: string, flags: Flags, self: Command) => {
      const session = await openSession(context, self);
      let told = "";
      // At a terminal a bar says how far it is; each state is told once.
      const tell = (each: Task): void => {
        const now = session.json ? JSON.stringify(each) : `${each.state} ${each.result?.message ?? ""}`;
        if (now !== told) tellState(session, each);
        told = now;
      };
      const task = await ended(session, taskId, flags.timeout, { far: farOfImport(session), onState: tell });
      if (!session.json) tellTask(session, task, flags.all === true);
      context.setExitCode(hasFailed(task) ? EXIT.failed : EXIT.done);
    });
}

/**
 * Waits for the end of a task that there is; of one that nothing tells of, not for ever.
 * @throws CliError `task-unknown`; RestError `task-unfinished` and as `untilEnded` does
 */
async function ended(session: Session, taskId: string, timeout: number | undefined, more: { readonly far?: Far; readonly onState?: (task: Task) => void } = {}): Promise<Task> {
  const api = await session.api();
  const { task: first, isDoubtful } = await knownTask(api, taskId, session.context.interruption());
  more.onState?.(first);
  if (hasEnded(first)) return first;
  if (isDoubtful) {
    session.note("This service does not tell whether there is such a task: it is given five minutes to begin.");
    const begun = await untilEnded(session, api, taskId, { timeout: Math.min(UNLISTED_SECONDS, timeout ?? UNLISTED_SECONDS), enough: (task) => !isUncertain(task), ...more });
    if (hasEnded(begun)) return begun;
  }
  return untilEnded(session, api, taskId, { timeout, ...more });
}

function hasFailed({ state, result }: Task): boolean {
  return ["FAILURE", "ERRORED", "REVOKED", "REJECTED"].includes(state) || (state === "SUCCESS" && result?.status === false);
}
