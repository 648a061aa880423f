// rstuf admin ceremony: the first root of a repository. What it does: hold-ceremony.ts.

import { Command, Option } from "commander";
import type { CeremonyFlags } from "../../admin/hold-ceremony.ts";
import { DEFAULT_TIMEOUT_SECONDS, dryRunOption, outOption, signingOptions } from "../../admin/shared-options.ts";
import type { CliContext } from "../../context.ts";
import { examplesText } from "../../examples.ts";
import { withServer } from "../../options.ts";
import { openSession } from "../../session.ts";
import type { CommandParts } from "../../tree.ts";

export const CEREMONY_EXAMPLES = ["rstuf admin ceremony --print-plan > plan.yaml", "rstuf admin ceremony --rehearse --plan plan.yaml --yes --sign-with ann --sign-with bob", "rstuf admin ceremony --plan ceremony/plan.yaml --yes --sign-with ceremony/ann --dry-run --out"] as const;

export function ceremonyCommand(context: CliContext, parts: CommandParts): Command {
  const command = withServer(signingOptions(new Command()))
    .description(
      "Makes and signs the first root of a repository, and starts the repository with it. At a terminal it asks; with --plan it reads the answers from a file. Private keys stay on this machine. An interrupted ceremony goes on where it was. Others can sign later, or elsewhere: rstuf admin metadata sign.",
    )
    .addOption(outOption("ceremony-payload.json"))
    .addOption(dryRunOption())
    .addOption(new Option("-t, --timeout <seconds>", "how long to wait for the service").default(String(DEFAULT_TIMEOUT_SECONDS)))
    .option("--plan <file>", "answers from a file (YAML)")
    .option("--print-plan", "print a plan, the answers or an example, and do nothing else")
    .option("--rehearse", "the same with keys and a repository that are thrown away afterwards")
    .addHelpText("after", examplesText([{ commands: CEREMONY_EXAMPLES }], "0 done, or waiting for more signatures, 1 refused or failed,\n2 used wrongly, 130 interrupted"));
  return command.action(async (flags: CeremonyFlags) => {
    const session = await openSession(context, command);
    const { holdCeremony } = await import("../../admin/hold-ceremony.ts");
    await holdCeremony(session, parts, flags);
  });
}
