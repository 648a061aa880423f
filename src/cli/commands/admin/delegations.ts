// rstuf admin delegations: custom roles come, change and go.

import { Command, Option } from "commander";
import type { DelegationFlags } from "../../admin/delegate.ts";
import { dryRunOption, outOption } from "../../admin/shared-options.ts";
import type { CliContext } from "../../context.ts";
import { examplesText } from "../../examples.ts";
import { withServer } from "../../options.ts";
import { openSession } from "../../session.ts";

const SERVER = "--api-server http://127.0.0.1:8080";
export const DELEGATIONS_EXAMPLES = {
  new: [`rstuf admin delegations new --name project --path 'project/*' --days 30 ${SERVER}`, `rstuf admin delegations new --name project-arm --parent project --path 'project/arm*' --bins 4 ${SERVER}`, `rstuf admin delegations new --name nightly --path 'nightly/*' --dry-run --out`, `rstuf admin delegations new --name team --path 'team/*' --key team.pub --outside ${SERVER}`, `rstuf admin delegations new --name prod --path 'prod/*' --key team.pub --days 60 --window 10 --dry-run --out prod.json`],
  update: [`rstuf admin delegations update --name project --days 60 ${SERVER}`, `rstuf admin delegations update --name project --window 20 ${SERVER}`],
  delete: [`rstuf admin delegations delete nightly --yes ${SERVER}`],
} as const;
const EXIT_TEXT = "0 done, or waiting for signatures of people, 1 refused or failed, 2 used wrongly";
const many = (text: string, before: unknown): string[] => [...((before as string[] | undefined) ?? []), text];

/** A new role has defaults; of one that changes, what is not said stays. */
function roleOptions(command: Command, what: "new" | "update"): Command {
  const unsaid = (text: string): string => (what === "new" ? ` (default: ${text})` : "");
  return command
    .option("--name <role>", "the role")
    .addOption(new Option("--path <pattern>", "artifacts it signs for, e.g. 'project/*'; may be repeated").argParser(many))
    .addOption(new Option("--key <file>", `a public key of a person who signs; may be repeated${unsaid("the online key")}`).argParser(many))
    .option("--threshold <number>", `so many of its keys must sign${unsaid("all")}`)
    .option("--days <days>", `how long a version lives${unsaid("365")}`)
    .option("--window <days>", `so long before it expires its people are asked for the next version${unsaid("as the service is configured")}`)
    .option("--terminating", `a search for its artifacts ends with it${what === "new" ? " (default)" : ""}`)
    .option("--no-terminating", "a search goes on behind it when it does not list an artifact")
    .option("--outside", "its team signs it elsewhere, and uploads it: rstuf admin delegations upload");
}

export function delegationsNewCommand(context: CliContext): Command {
  const command = withServer(roleOptions(new Command(), "new"))
    .description("Delegates artifacts to new roles, each with patterns, keys and a lifetime of its own.")
    .option("--parent <role>", "the custom role that delegates to it (default: targets)")
    .option("--bins <number>", "spread its artifacts over so many bins of its own")
    .addOption(outOption("delegations-new.json"))
    .addOption(dryRunOption())
    .addHelpText("after", examplesText([{ commands: DELEGATIONS_EXAMPLES.new }], EXIT_TEXT));
  return command.action(async (flags: DelegationFlags) => {
    const session = await openSession(context, command);
    const { newRoles } = await import("../../admin/delegate.ts");
    await newRoles(session, flags);
  });
}

export function delegationsUpdateCommand(context: CliContext): Command {
  const command = withServer(roleOptions(new Command(), "update"))
    .description("Changes a delegated role: patterns, keys, threshold, lifetime. It keeps its place. What is not said stays as it is.")
    .addOption(outOption("delegations-update.json"))
    .addOption(dryRunOption())
    .addHelpText("after", examplesText([{ commands: DELEGATIONS_EXAMPLES.update }], EXIT_TEXT));
  return command.action(async (flags: DelegationFlags) => {
    const session = await openSession(context, command);
    const { updateRole } = await import("../../admin/delegate.ts");
    await updateRole(session, flags);
  });
}

export function delegationsDeleteCommand(context: CliContext): Command {
  const command = withServer(new Command())
    .argument("[role...]", "the roles that go")
    .description("Takes delegated roles away. Their artifacts go to the roles that take them then; what no role takes is no longer listed, and told.")
    .addOption(new Option("--metadata-url <url>", "accepted for old scripts; the service is asked instead").hideHelp())
    .addOption(outOption("delegations-delete.json"))
    .addOption(dryRunOption())
    .option("--yes", "do not ask")
    .addHelpText("after", examplesText([{ commands: DELEGATIONS_EXAMPLES.delete }], EXIT_TEXT));
  return command.action(async (names: string[], flags: DelegationFlags) => {
    const session = await openSession(context, command);
    const { deleteRoles } = await import("../../admin/delegate.ts");
    await deleteRoles(session, names, flags);
  });
}

