// rstuf artifact publish: make public what was held back.

import { Command } from "commander";
import type { CliContext } from "../../context.ts";
import { examplesText } from "../../examples.ts";
import { withWait, type WaitFlags } from "../../follow.ts";
import { withServer } from "../../options.ts";
import { openSession } from "../../session.ts";
import { answerWait, namesIn, outcome, tellTask } from "./submit.ts";

export const ARTIFACT_PUBLISH_EXAMPLES = ["rstuf artifact publish --api-server http://127.0.0.1:8080 --wait"] as const;

export function artifactPublishCommand(context: CliContext): Command {
  return withServer(withWait(new Command().description("Makes public, at one moment, everything that was added or deleted with --no-publish.")))
    .addHelpText("after", examplesText([{ commands: ARTIFACT_PUBLISH_EXAMPLES }], "0 accepted, with --wait published, 1 refused or failed,\n2 used wrongly, 3 not ended in time"))
    .action(async (flags: WaitFlags, self: Command) => {
      const session = await openSession(context, self);
      const api = await session.api();
      const { data } = await api.call("POST /api/v1/artifacts/publish/", { signal: context.interruption(), ...answerWait(flags) });
      tellTask(session, "Asked to publish what is held", data.task_id);
      const task = await outcome(session, api, data, flags, "publishing");
      session.emit({ taskId: data.task_id, state: task?.state ?? data.state, ...(task?.result?.details === undefined ? {} : { details: task.result.details }) });
      if (task === undefined) return;
      const roles = namesIn(task.result, "artifact_roles");
      session.say(roles.length === 0 ? "Nothing was held." : `Published: new versions of ${roles.join(", ")}.`);
    });
}
