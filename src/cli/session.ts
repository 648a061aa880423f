// A session is opened when the command runs: who asks for its help waits for none of what it takes.

import type { Command } from "commander";
import type { CliContext } from "./context.ts";
import type { Session } from "./open-session.ts";

export type { Session } from "./open-session.ts";

/** @throws CliError `config-unreadable` */
export async function openSession(context: CliContext, command: Command): Promise<Session> {
  return await (await import("./open-session.ts")).openSession(context, command);
}
