// rstuf admin metadata sign: one more signature for a document that waits, here or offline.

import { Command } from "commander";
import { dryRunOption, outOption, signingOptions } from "../../admin/shared-options.ts";
import type { SignFlags } from "../../admin/sign-pending.ts";
import type { CliContext } from "../../context.ts";
import { examplesText } from "../../examples.ts";
import { withServer } from "../../options.ts";
import { openSession } from "../../session.ts";

export const SIGN_EXAMPLES = [
  "rstuf admin metadata sign --in ceremony-payload.json --add --sign-with ceremony/bob --yes",
  "rstuf admin metadata sign --export pending.json --api-server http://127.0.0.1:8080",
  "rstuf admin metadata sign --in pending.json --sign-with ceremony/bob --yes --dry-run --out",
] as const;

export function metadataSignCommand(context: CliContext): Command {
  const command = withServer(signingOptions(new Command()))
    .description(
      "Signs a root or a delegated role that waits for signatures. Shows what it says and changes first, checks the signature here, and sends nothing but the signature. Without a network: --export on a connected machine, --in and --out on the one with the key, admin send sign on the connected one again; or --in FILE --add, and pass the file on.",
    )
    .option("--in <file>", "the document: what --export saved, or a payload; - is stdin")
    .addOption(outOption("sign-payload.json"))
    .addOption(dryRunOption())
    .option("--add", "put the signature into the file of --in, and send nothing")
    .option("--export <file>", "save what waits for signatures, and sign nothing")
    .option("--role <name>", "which of several")
    .option("--trusted-root <file>", "the root in force, where --in does not bring it along")
    .addHelpText("after", examplesText([{ commands: SIGN_EXAMPLES }], "0 signed, 1 refused or failed, 2 used wrongly,\n130 interrupted"));
  return command.action(async (flags: SignFlags) => {
    const session = await openSession(context, command);
    const { exportPending, signPending } = await import("../../admin/sign-pending.ts");
    if (flags.export !== undefined) await exportPending(session, flags.export);
    else await signPending(session, flags);
  });
}

