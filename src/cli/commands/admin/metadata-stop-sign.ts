// rstuf admin metadata stop-sign: gives up a document that waits for signatures.

import { Command } from "commander";
import { sendAndWait } from "../../admin/send.ts";
import type { CliContext } from "../../context.ts";
import { CliError } from "../../errors.ts";
import { examplesText } from "../../examples.ts";
import { withServer } from "../../options.ts";
import { openSession } from "../../session.ts";

interface Flags {
  readonly role?: string;
  readonly yes?: boolean;
}

export const STOP_SIGN_EXAMPLES = ["rstuf admin metadata stop-sign --role root --yes --api-server http://127.0.0.1:8080"] as const;

export function metadataStopSignCommand(context: CliContext): Command {
  const command = withServer(new Command())
    .description("Stops collecting signatures for a role. What people signed is dropped; what is published stays as it is.")
    .option("--role <name>", "which of several")
    .option("--yes", "do not ask")
    .addHelpText("after", examplesText([{ commands: STOP_SIGN_EXAMPLES }], "0 stopped, 1 refused or failed, 2 used wrongly"));
  return command.action(async (flags: Flags) => {
    const [session, { askPending, choosePending }, { standingLines }] = await Promise.all([openSession(context, command), import("../../admin/find-pending.ts"), import("../../admin/pending.ts")]);
    const pending = await choosePending(session, await askPending(session), flags);
    const { role } = pending;
    for (const line of standingLines(pending)) session.note(line);
    if (flags.yes !== true && !(await session.ask.confirm({ message: `Do you still want to stop signing process for ${role}?`, flag: "--yes" }))) throw new CliError("declined", "nothing was stopped");
    const sent = await sendAndWait(session, "Signing process deletion", async () => (await session.api()).call("POST /api/v1/metadata/sign/delete", { body: { role } }));
    session.say(`Signing process for ${role} deleted!`);
    session.emit({ role, taskId: sent.taskId });
  });
}
