// rstuf admin config: the repository's settings, and how long its roles live.

import { Command, Option } from "commander";
import { isWindow, MOST_WINDOW_DAYS } from "../../../roles/window.ts";
import { isDays, MOST_DAYS } from "../../admin/days.ts";
import { sendAndWait } from "../../admin/send.ts";
import type { CliContext } from "../../context.ts";
import { CliError } from "../../errors.ts";
import { examplesText } from "../../examples.ts";
import { withServer } from "../../options.ts";
import { factLines } from "../../output/table.ts";
import { printable } from "../../printable.ts";
import { openSession } from "../../session.ts";

export const CONFIG_EXAMPLES = { get: ["rstuf admin config get --api-server http://127.0.0.1:8080", "rstuf admin config get trusted_root --api-server http://127.0.0.1:8080"], set: ["rstuf admin config set timestamp=2 bins=14 --api-server http://127.0.0.1:8080", "rstuf admin config set --window root=60 --window team=default --api-server http://127.0.0.1:8080"] } as const;

const many = (text: string, before: unknown): string[] => [...((before as string[] | undefined) ?? []), text];

export function configGetCommand(context: CliContext): Command {
  const command = withServer(new Command())
    .description("Shows the repository's settings; one of them whole, as JSON, when it is named.")
    .argument("[name]", "a setting, e.g. trusted_root")
    .addHelpText("after", examplesText([{ commands: CONFIG_EXAMPLES.get }], "0 shown, 1 refused or failed, 2 used wrongly"));
  return command.action(async (name: string | undefined) => {
    const session = await openSession(context, command);
    const { data } = await (await session.api()).call("GET /api/v1/config/", {});
    if (name !== undefined) {
      if (!Object.hasOwn(data, name)) throw new CliError("setting-unknown", `there is no setting ${name}`, { why: `there are: ${Object.keys(data).sort().join(", ")}`, todo: "name one of these, or none to see all" });
      context.stdout.write(`${JSON.stringify(data[name], null, session.json ? 0 : 2)}\n`);
      return;
    }
    const shown = Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, inOneLine(value)] as const);
    for (const line of factLines(context, shown)) session.say(line);
    session.emit(data);
  });
}

/** Documents are named, not shown. */
function inOneLine(value: unknown): string {
  if (typeof value !== "object" || value === null) return printable(String(value));
  const { signed } = value as { readonly signed?: { readonly _type?: unknown; readonly version?: unknown } };
  return signed === undefined ? printable(JSON.stringify(value)) : `${String(signed._type)} version ${String(signed.version)}`;
}

export function configSetCommand(context: CliContext): Command {
  const command = withServer(new Command())
    .description("Sets how many days new versions of roles live, from each role's next version on; and how long before they expire people are asked to sign, from now on.")
    .argument("[role=days...]", `a role and its days, 1 to ${MOST_DAYS}`)
    .addOption(new Option("--window <role=days>", `people are asked for the next version so many days before the role expires, 1 to ${MOST_WINDOW_DAYS}, or default: as the service is configured; may be repeated`).argParser(many))
    .addHelpText("after", examplesText([{ commands: CONFIG_EXAMPLES.set }], "0 set, 1 refused or failed, 2 used wrongly"));
  return command.action(async (pairs: string[], flags: { readonly window?: readonly string[] }) => {
    const session = await openSession(context, command);
    const expiration: Record<string, number> = {};
    for (const pair of pairs) {
      const [, role, days] = /^([A-Za-z0-9_-]+)=([0-9]+)$/.exec(pair) ?? [];
      if (role === undefined || !isDays(Number(days))) throw new CliError("misused", `${pair} is no ROLE=DAYS with 1 to ${MOST_DAYS} days`);
      expiration[role] = Number(days);
    }
    const windows: Record<string, number | null> = {};
    for (const pair of flags.window ?? []) {
      const [, role, days] = /^([A-Za-z0-9_-]+)=([0-9]+|default)$/.exec(pair) ?? [];
      if (role === undefined || (days !== "default" && !isWindow(Number(days)))) throw new CliError("misused", `--window ${pair} is no ROLE=DAYS with 1 to ${MOST_WINDOW_DAYS} days, or ROLE=default`);
      windows[role] = days === "default" ? null : Number(days);
    }
    if (pairs.length + (flags.window?.length ?? 0) === 0) throw new CliError("misused", "nothing is to be set: name ROLE=DAYS, --window ROLE=DAYS, or both");
    const settings = { expiration, ...(flags.window === undefined ? {} : { signing_window: windows }) };
    const sent = await sendAndWait(session, "Settings update", async () => (await session.api()).call("PUT /api/v1/config/", { body: { settings } }));
    const details = sent.result?.details as { readonly updated_roles?: readonly string[]; readonly invalid_roles?: readonly string[] } | undefined;
    if ((details?.updated_roles?.length ?? 0) > 0) session.say(`Set: ${details?.updated_roles?.join(", ") ?? ""}`);
    session.emit({ taskId: sent.taskId, ...details });
    const unknown = details?.invalid_roles ?? [];
    if (unknown.length > 0) throw new CliError("setting-unknown", `this repository has no role ${unknown.join(", ")}`, { todo: "rstuf admin config get shows those there are, as ROLE_expiration" });
  });
}
