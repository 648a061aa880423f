// rstuf task list: what was asked of the service, newest first, and what became of it.

import { Command, InvalidArgumentError, Option } from "commander";
import type { ListedTask, Operations } from "../../../sdk/api-types.ts";
import type { CliContext } from "../../context.ts";
import { examplesText } from "../../examples.ts";
import { withServer } from "../../options.ts";
import { styleOf } from "../../output/style.ts";
import { tableLines, type Column } from "../../output/table.ts";
import { fromNow } from "../../output/words.ts";
import { tellPages, withLimit, type ListFlags } from "../../pages.ts";
import { printable } from "../../printable.ts";
import { openSession } from "../../session.ts";

type Query = Operations["GET /api/v1/tasks"]["query"];

interface Flags extends ListFlags {
  readonly state?: NonNullable<Query["state"]>;
  readonly kind?: NonNullable<Query["task"]>;
  readonly since?: string;
  readonly until?: string;
}

export const TASK_LIST_EXAMPLES = ["rstuf task list --api-server http://127.0.0.1:8080", "rstuf task list --state FAILURE --json --api-server http://127.0.0.1:8080"] as const;

const STATES: readonly NonNullable<Query["state"]>[] = ["PENDING", "RUNNING", "SUCCESS", "ERRORED", "FAILURE", "open", "ended"];
const KINDS: readonly NonNullable<Query["task"]>[] = ["bootstrap", "add_artifacts", "remove_artifacts", "import_artifacts", "publish_artifacts", "update_settings", "force_online_metadata_update", "metadata_update", "metadata_delegation", "sign_metadata", "delete_sign_metadata"];
const LIMIT = 50;

export function taskListCommand(context: CliContext): Command {
  return withServer(withLimit(new Command(), LIMIT, "tasks"))
    .description("Lists tasks, newest first, with what they do and how they are. Tasks that ended are kept for 30 days. With --json one object a line.")
    .addOption(new Option("--state <state>", "only those; open: PENDING or RUNNING, ended: all others").choices(STATES))
    .addOption(new Option("--kind <kind>", "only what does this").choices(KINDS))
    .option("--since <time>", "only what was accepted then or later", moment)
    .option("--until <time>", "only what was accepted before", moment)
    .addHelpText("after", examplesText([{ commands: TASK_LIST_EXAMPLES }], "0 listed, also when there is none, 1 refused or failed,\n2 used wrongly"))
    .action(async (flags: Flags, self: Command) => {
      const session = await openSession(context, self);
      const api = await session.api();
      const query: Query = { ...(flags.state === undefined ? {} : { state: flags.state }), ...(flags.kind === undefined ? {} : { task: flags.kind }), ...(flags.since === undefined ? {} : { created_from: flags.since }), ...(flags.until === undefined ? {} : { created_before: flags.until }) };
      const told = await tellPages(session, flags, (page) => api.call("GET /api/v1/tasks", { query: { ...query, ...page }, signal: context.interruption() }), (rows) => tableLines(context, columns(context), rows));
      if (told === 0) session.note(Object.keys(query).length === 0 ? "There is no task yet." : "There is no such task.");
    });
}

function columns(context: CliContext): readonly Column<ListedTask>[] {
  const style = styleOf(context, "stdout");
  const now = context.clock.now();
  return [
    { title: "Task", text: ({ task_id: id }) => printable(id) },
    { title: "State", text: ({ state, held }) => (held === true ? "held" : state), paint: ({ state }) => (state === "SUCCESS" ? style.good : state === "FAILURE" || state === "ERRORED" ? style.bad : style.warn) },
    { title: "Does", text: ({ task }) => task.replaceAll("_", " ") },
    { title: "Since", text: ({ created }) => fromNow(Date.parse(created), now) },
    { title: "Says", text: ({ error, message }) => printable(error ?? message ?? ""), cutTo: 4 },
  ];
}

/** @returns RFC 3339 */
function moment(text: string): string {
  const ms = Date.parse(text);
  if (!/^\d{4}-\d\d-\d\d/.test(text) || Number.isNaN(ms)) throw new InvalidArgumentError("A time such as 2026-11-25 or 2026-11-25T18:00:00Z.");
  return new Date(ms).toISOString();
}
