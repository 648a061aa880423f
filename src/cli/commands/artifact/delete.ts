// rstuf artifact delete: take artifacts out of the repository's metadata.

import { Command } from "commander";
import type { CliContext } from "../../context.ts";
import { CliError } from "../../errors.ts";
import { EXIT } from "../../exit-codes.ts";
import { examplesText } from "../../examples.ts";
import { withWait } from "../../follow.ts";
import { withServer } from "../../options.ts";
import { count } from "../../output/words.ts";
import { readFileAtMost } from "../../read-file.ts";
import { openSession, type Session } from "../../session.ts";
import { answerWait, namesIn, outcome, refuseHeldWait, tellTask, type SubmitFlags } from "./submit.ts";

interface DeleteFlags extends SubmitFlags {
  readonly from?: string;
  readonly yes?: boolean;
}

export const ARTIFACT_DELETE_EXAMPLES = ["rstuf artifact delete old.txt --api-server http://127.0.0.1:8080 --wait"] as const;

const LIST_MAX_BYTES = 64 * 1024 * 1024;

export function artifactDeleteCommand(context: CliContext): Command {
  const command = new Command()
    .description("Takes artifacts out of the repository: clients that refresh find them no more. Delete the files themselves afterwards, when clients have had time to notice.")
    .argument("[path...]", "paths in the repository")
    .option("--from <file>", "further paths, one a line")
    .option("--no-publish", "hold back until `rstuf artifact publish`");
  return withServer(withWait(command))
    .addHelpText("after", examplesText([{ commands: ARTIFACT_DELETE_EXAMPLES }], "0 accepted, with --wait gone, 1 refused, failed, or with --wait not\nall of them were there, 2 used wrongly, 3 not ended in time"))
    .action(async (paths: string[], flags: DeleteFlags, self: Command) => {
      const session = await openSession(context, self);
      context.setExitCode(await remove(session, await pathsOf(session, paths, flags), flags));
    });
}

async function pathsOf(session: Session, paths: readonly string[], flags: DeleteFlags): Promise<string[]> {
  const listed = flags.from === undefined ? [] : (await readFileAtMost(session.path(flags.from), LIST_MAX_BYTES)).toString("utf8").split(/\r?\n/).filter((line) => line !== "");
  const all = [...new Set([...paths, ...listed])];
  if (all.length > 0) return all;
  if (flags.from !== undefined) throw new CliError("file-unreadable", `${flags.from} lists no path`, { todo: "write one path a line into it" });
  return [await session.ask.text({ message: "Path of the artifact to delete", flag: "PATH", check: (text) => (text === "" ? "a path in the repository" : undefined) })];
}

async function remove(session: Session, paths: readonly string[], flags: DeleteFlags): Promise<number> {
  refuseHeldWait(flags);
  const api = await session.api();
  const { data } = await api.call("POST /api/v1/artifacts/delete", { body: { artifacts: paths, publish_artifacts: flags.publish }, signal: session.context.interruption(), ...answerWait(flags) });
  const what = paths.length === 1 ? (paths[0] ?? "") : count(paths.length, "artifact");
  tellTask(session, `Asked to delete ${what}`, data.task_id);
  const task = await outcome(session, api, data, flags, `deleting ${what}`);
  const notFound = namesIn(task?.result, "not_found_artifacts");
  session.emit({ taskId: data.task_id, state: task?.state ?? data.state, artifacts: paths, ...(task?.result?.details === undefined ? {} : { details: task.result.details }) });
  if (!flags.publish) session.note("Held: rstuf artifact publish makes it public.");
  if (task === undefined) return EXIT.done;
  const gone = paths.length - notFound.length;
  if (gone > 0) session.say(`Deleted: clients that refresh find ${gone === 1 ? "it" : "them"} no more.`);
  for (const path of notFound) session.note(`not in the repository: ${path}`);
  return notFound.length > 0 ? EXIT.failed : EXIT.done;
}
