// rstuf admin metadata online: new versions of what the online key signs, now.

import { Command } from "commander";
import { requireBootstrap, sendAndWait } from "../../admin/send.ts";
import type { CliContext } from "../../context.ts";
import { examplesText } from "../../examples.ts";
import { withServer } from "../../options.ts";
import { openSession } from "../../session.ts";

export const ONLINE_EXAMPLES = ["rstuf admin metadata online timestamp snapshot --api-server http://127.0.0.1:8080", "rstuf admin metadata online --json --api-server http://127.0.0.1:8080"] as const;

export function metadataOnlineCommand(context: CliContext): Command {
  const command = withServer(new Command())
    .description("Has the service sign new versions of roles that its online key signs. It does so in time by itself; this is for when you will not wait.")
    .argument("[role...]", "timestamp, snapshot, targets, bins or delegated roles (default: all)")
    .addHelpText("after", examplesText([{ commands: ONLINE_EXAMPLES }], "0 published, 1 refused or failed, 2 used wrongly"));
  return command.action(async (roles: string[]) => {
    const session = await openSession(context, command);
    await requireBootstrap(session, "finished");
    const sent = await sendAndWait(session, "Online metadata update", async () => (await session.api()).call("POST /api/v1/metadata/online", { body: { roles } }));
    const updated = (sent.result?.details as { readonly updated_roles?: readonly string[] } | undefined)?.updated_roles ?? roles;
    session.say(`Signed anew: ${updated.join(", ")}`);
    session.emit({ taskId: sent.taskId, roles: updated });
  });
}
