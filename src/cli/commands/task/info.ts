// rstuf task info and watch: what became of a request. `info` waits until the task has ended, as
// scripts expect of it, and shows it once; `watch` tells each state as it comes.

import { Command } from "commander";
import { getTask, type Task } from "../../../sdk/tasks.ts";
import type { CliContext } from "../../context.ts";
import { examplesText } from "../../examples.ts";
import { EXIT } from "../../exit-codes.ts";
import { farOfImport, seconds, untilEnded } from "../../follow.ts";
import { withServer } from "../../options.ts";
import { openSession, type Session } from "../../session.ts";
import { tellState, tellTask } from "./task-text.ts";

interface Flags {
  readonly all?: boolean;
  readonly now?: boolean;
  readonly timeout?: number;
}

export const TASK_INFO_EXAMPLES = ["rstuf task info 33e66671dcc84cdfa2535a1eb030104c --now --api-server http://127.0.0.1:8080"] as const;

export function taskInfoCommand(context: CliContext): Command {
  return withServer(new Command())
    .description("Waits until a task has ended, and shows it; with --now shows it as it is. An id that nobody knows is PENDING for ever: --timeout ends the waiting.")
    .argument("<task-id>", "as the command said that sent the request")
    .option("-a, --all", "all details")
    .option("--now", "do not wait")
    .option("--timeout <seconds>", "give up after so long", seconds)
    .addHelpText("after", examplesText([{ commands: TASK_INFO_EXAMPLES }], "0 succeeded, or with --now not failed, 1 failed,\n2 used wrongly, 3 not ended in time"))
    .action(async (taskId: string, flags: Flags, self: Command) => {
      const session = await openSession(context, self);
      const api = await session.api();
      const task = flags.now === true ? await getTask(api, taskId, { signal: context.interruption() }) : await untilEnded(session, api, taskId, { ...flags, onState: doubted(session) });
      if (flags.now === true) doubted(session)(task);
      tellTask(session, task, flags.all === true);
      context.setExitCode(hasFailed(task) ? EXIT.failed : EXIT.done);
    });
}

export function taskWatchCommand(context: CliContext): Command {
  return withServer(new Command())
    .description("Tells each state of a task until it has ended. Ctrl-C ends the waiting, not the task.")
    .argument("<task-id>", "as the command said that sent the request")
    .option("-a, --all", "all details")
    .option("--timeout <seconds>", "give up after so long", seconds)
    .addHelpText("after", examplesText([{ title: "With the id that artifact add said:", commands: ["rstuf task watch TASK_ID --api-server http://127.0.0.1:8080"] }], "0 succeeded, 1 failed, 2 used wrongly, 3 not ended in time"))
    .action(async (taskId: string, flags: Flags, self: Command) => {
      const session = await openSession(context, self);
      let told = "";
      // At a terminal a bar says how far it is; each state is told once.
      const doubt = doubted(session);
      const tell = (each: Task): void => {
        const now = `${each.state} ${each.result?.message ?? ""}`;
        if (session.json || now !== told) tellState(session, each);
        told = now;
        doubt(each);
      };
      const task = await untilEnded(session, await session.api(), taskId, { ...flags, far: farOfImport(session), onState: tell });
      if (!session.json) tellTask(session, task, flags.all === true);
      context.setExitCode(hasFailed(task) ? EXIT.failed : EXIT.done);
    });
}

/** The service answers PENDING for numbers it never gave, too: waiting for one of those would never end. */
function doubted(session: Session): (task: Task) => void {
  let isTold = false;
  return ({ state, result }) => {
    if (isTold || state !== "PENDING" || result !== undefined) return;
    isTold = true;
    session.note("It has not begun, or there is no task of this number, or it ended long ago: rstuf task list shows those there are.");
  };
}

function hasFailed({ state, result }: Task): boolean {
  return ["FAILURE", "ERRORED", "REVOKED", "REJECTED"].includes(state) || (state === "SUCCESS" && result?.status === false);
}
