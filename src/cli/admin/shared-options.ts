// Options that commands of signed documents share, spelled as the Python CLI spells them.

import { Option, type Command } from "commander";
import { CliError } from "../errors.ts";
import type { Session } from "../session.ts";

/** Seconds the Python implementation gives its own watchdog; this service needs none. */
export const DEFAULT_TIMEOUT_SECONDS = 300;

export function signingOptions(command: Command): Command {
  return command
    .addOption(new Option("--sign-with <file>", "a private key (PEM) to sign with; may be repeated").argParser<string[]>((file, before) => [...((before as string[] | undefined) ?? []), file]))
    .option("--password-file <file>", "the password of an encrypted key, in its first line")
    .option("--yes", "do not ask whether what is shown is what is wanted");
}

export function outOption(name: string): Option {
  return new Option("--out [file]", `also write the payload to a file (default: ${name})`);
}

export function dryRunOption(): Option {
  return new Option("--dry-run", "send nothing to the service");
}

/** The file that `--out` means, if it was given. */
export const outFile = (out: string | true | undefined, name: string): string | undefined => (out === true ? name : out);

/** Whether there is something to send to. @throws CliError `server-missing` when neither is said */
export function serverOrDryRun(session: Session, dryRun: boolean): boolean {
  if (dryRun) return false;
  if (!session.hasServer) throw new CliError("server-missing", "Either '--api-server' admin option/'SERVER' in RSTUF config or '--dry-run' needed", { todo: "say --api-server URL to send it, or --dry-run --out FILE to only make the file" });
  return true;
}
