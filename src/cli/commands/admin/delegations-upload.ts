// rstuf admin delegations upload: the next version of a role that its team signs elsewhere.

import { Command } from "commander";
import { sendAndWait } from "../../admin/send.ts";
import type { CliContext } from "../../context.ts";
import { examplesText } from "../../examples.ts";
import { withServer } from "../../options.ts";
import { readFileAtMost } from "../../read-file.ts";
import { openSession } from "../../session.ts";

interface Details {
  readonly version?: number;
  readonly changed_artifacts?: number;
  readonly removed_artifacts?: number;
}

export function delegationsUploadCommand(context: CliContext): Command {
  const command = withServer(new Command())
    .argument("<role>", "the role, delegated to with --outside")
    .argument("<file>", "its signed targets metadata; it is published byte for byte")
    .description("Uploads the next version of a role that its team signs elsewhere. The service verifies it: signatures and threshold, version, expiry, and that clients find in that role what it lists.")
    .addHelpText("after", examplesText([{ commands: ["rstuf admin delegations upload team team.json --api-server http://127.0.0.1:8080"] }], "0 done, or waiting for signatures of people, 1 refused or failed, 2 used wrongly"));
  return command.action(async (role: string, file: string) => {
    const session = await openSession(context, command);
    const { CLIENT_LIMITS } = await import("../../../tuf/trusted-set.ts");
    const bytes = await readFileAtMost(session.path(file), CLIENT_LIMITS.targetsBytes);
    const sent = await sendAndWait(session, "Metadata upload", async () => (await session.api()).call("PUT /api/v1/delegations/{role}/metadata", { path: { role }, body: bytes as unknown as { readonly [name: string]: unknown } }));
    const { version, changed_artifacts: changed, removed_artifacts: removed }: Details = sent.result?.details ?? {};
    if (sent.waitsFor.length === 0) session.say(`Published: ${role} version ${version ?? 0}; artifacts new or changed: ${changed ?? 0}, removed: ${removed ?? 0}`);
    session.emit({ taskId: sent.taskId, ...sent.result?.details });
  });
}
