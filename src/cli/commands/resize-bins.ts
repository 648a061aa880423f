// `rstuf admin resize-bins`: another number of bins, asked of a running service.

import { Command, InvalidArgumentError } from "commander";
import { succeeded, waitForTask, waitingFor } from "../../sdk/tasks.ts";
import { ASK_SECONDS, tellWaiting } from "../admin/send.ts";
import type { CliContext } from "../context.ts";
import { examplesText } from "../examples.ts";
import { withServer } from "../options.ts";
import { openSession } from "../session.ts";

export function resizeBinsCommand(context: CliContext): Command {
  return withServer(new Command())
    .argument("<bins>", "2 to 16,384, rounded down to a power of two", binCount)
    .description("In one publish, with every artifact in its new bin; no client notices. Names of bins that are gone stay in snapshot for ever: ask rstuf admin advise first.")
    .option("--role <name>", "the custom role whose bins they are (default: the repository's own)")
    .addHelpText("after", examplesText([{ title: "With a service running:", commands: ["rstuf admin resize-bins 16 --api-server http://127.0.0.1:8080", "rstuf admin resize-bins 8 --api-server http://127.0.0.1:8080 --json"] }], "0 done, and clients see it, or waiting for signatures of people, 1 refused or failed,\n2 used wrongly"))
    .action(async (bins: number, flags: { readonly role?: string }, command: Command) => {
      const session = await openSession(context, command);
      const api = await session.api();
      const { data } = await api.call("PUT /api/v1/delegations/bins", { body: { number_of_delegated_bins: bins, ...(flags.role === undefined ? {} : { role: flags.role }) } });
      session.note(`task ${data.task_id}`);
      const asked = await waitForTask(api, data.task_id, { signal: context.interruption(), everySeconds: ASK_SECONDS, enough: (task) => waitingFor(task).length > 0 });
      if (waitingFor(asked).length > 0) {
        session.emit({ task_id: data.task_id, number_of_delegated_bins: null, waiting_for: waitingFor(asked) });
        tellWaiting(session, waitingFor(asked));
        return;
      }
      const task = succeeded(asked, "changing the number of bins");
      const now = (task.result?.details as { readonly number_of_delegated_bins?: number } | undefined)?.number_of_delegated_bins;
      session.emit({ task_id: data.task_id, number_of_delegated_bins: now ?? null });
      session.say(now === undefined ? "As many bins as before: nothing was to be done." : `${String(now)} bins, and clients see them.`);
    });
}

function binCount(text: string): number {
  const count = Number(text);
  if (!/^[0-9]+$/.test(text) || count < 2 || count > 16_384) throw new InvalidArgumentError("A whole number of bins from 2 to 16384.");
  return count;
}
