// The command line: which commands there are, how usage errors read, and what the exit
// code is: 0 done, 1 refused or failed, 2 used wrongly.

import { Command, CommanderError } from "commander";
import { AppError } from "../lib/app-error.ts";
import { downloadCommand } from "./commands/download.ts";
import { fsckCommand, type OpenDatabase } from "./commands/fsck.ts";
import { keyCommand } from "./commands/key.ts";
import type { CliContext } from "./context.ts";

export interface ProgramParts {
  /** Commands that need more than the CLI may import: `serve` and its like. */
  readonly extraCommands?: readonly Command[];
  /** How `fsck --data-dir` gets at the database. Without it that flag is refused. */
  readonly openDatabase?: OpenDatabase;
}

const EXIT_CODES = `Exit codes: 0 done, 1 refused or failed, 2 used wrongly.`;
const HELP_COLUMNS = 80;

export function createProgram(context: CliContext, parts: ProgramParts = {}): Command {
  const program = new Command("rstuf")
    .description("Repository Service for TUF: signed metadata that makes an artifact repository\nsafe to download from.")
    .version(context.version, "--version", "print the version")
    .option("--debug", "with an error, show where it came from")
    .helpCommand("help [command]", "help for a command")
    .addHelpText("after", `\n"rstuf help COMMAND" shows examples.\n${EXIT_CODES}`);
  for (const command of [...(parts.extraCommands ?? []), downloadCommand(context), fsckCommand(context, parts.openDatabase), keyCommand(context)]) {
    program.addCommand(command);
  }
  adopt(program, context);
  return program;
}

/** Runs one command line; every outcome ends in `context.setExitCode`. Never throws. */
export async function runProgram(context: CliContext, argv: readonly string[], parts: ProgramParts = {}): Promise<void> {
  const program = createProgram(context, parts);
  context.stdout.on("error", ignoreClosedPipe);
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    context.setExitCode(report(context, error, { debug: argv.includes("--debug"), json: argv.includes("--json") }));
  }
}

/** One error, told: what happened, and its code. With --json on stdout too, for programs. */
function report(context: CliContext, error: unknown, how: { readonly debug: boolean; readonly json: boolean }): number {
  // Commander has told it already; help and version are no errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const [code, message] = error instanceof AppError ? [(error as AppError).code, error.message] : ["unexpected", systemMessage(error)];
  if (how.json) context.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`);
  context.stderr.write(`error: ${message} (${code})\n`);
  if (how.debug) context.stderr.write(`${stacks(error)}\n`);
  else if (code === "unexpected") context.stderr.write("This is a fault of the program, or of the machine; --debug shows where.\n");
  return 1;
}

/** `rstuf fsck … | head -1`: who reads no more wants no more. */
function ignoreClosedPipe(error: Error): void {
  if (!("code" in error) || error.code !== "EPIPE") throw error;
}

function systemMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function stacks(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (error.stack ?? error.message) + (error.cause === undefined ? "" : `\nbecause of ${stacks(error.cause)}`);
}

/** Gives a command and those under it our streams and width, and keeps it from ending the process. */
function adopt(command: Command, context: CliContext): void {
  command
    // One paragraph: where its lines end is for the width to say.
    .description(command.description().replaceAll("\n", " "))
    .exitOverride()
    .configureHelp({ helpWidth: HELP_COLUMNS })
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      getOutHelpWidth: () => HELP_COLUMNS,
      getErrHelpWidth: () => HELP_COLUMNS,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      outputError: (text, write) => write(`${text.trimEnd()}\nSee: ${fullName(command)} --help\n`),
    });
  for (const child of command.commands) adopt(child, context);
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}
