// The command line: which commands there are, how usage errors read, and what the exit code is.

import { Command, CommanderError, Option, type Help } from "commander";
import { commandTree } from "./commands.ts";
import type { CliContext } from "./context.ts";
import { CliError, systemReason } from "./errors.ts";
import { EXIT, EXIT_CODES_TEXT } from "./exit-codes.ts";
import { addToGroup, COMMON, CONNECTION } from "./options.ts";
import { reportError } from "./report.ts";
import { grow, pathOf, type CommandNode, type CommandParts } from "./tree.ts";

export interface ProgramParts extends CommandParts {
  /** Commands that need more than the CLI may import: `serve` and its like. */
  readonly commands?: readonly CommandNode[];
  /** The same under `admin`. */
  readonly adminCommands?: readonly CommandNode[];
}

const HELP_COLUMNS = 80;
const TERM_COLUMNS = 32;

/** The program with the command at `path` in full, or with all of them. */
export async function createProgram(context: CliContext, parts: ProgramParts, path: readonly string[] | "all"): Promise<Command> {
  const program = new Command("rstuf")
    .description("Repository Service for TUF: signed metadata that makes an artifact repository safe to download from.")
    .version(context.version, "--version", "print the version")
    .helpOption("-h, --help", "display help for command")
    .helpCommand("help [command]", "help for a command")
    .addHelpText("after", `\n"rstuf help COMMAND" shows examples.\n${EXIT_CODES_TEXT}`);
  addToGroup(program, { shown: true });
  // The Python CLI writes into the shell's own files; where a script goes is for its owner to say.
  program.addOption(new Option("--autocomplete").hideHelp()).on("option:autocomplete", () => {
    throw new CliError("misused", "--autocomplete is a command here", { todo: "rstuf completion bash, zsh or fish prints the script; rstuf completion --help says where to put it" });
  });
  await grow(program, commandTree(parts), path, context, { ...parts, whole: () => createProgram(context, parts, "all") });
  adopt(program, context);
  return program;
}

/** Runs one command line; every outcome ends in `context.setExitCode`. Never throws. */
export async function runProgram(context: CliContext, argv: readonly string[], parts: ProgramParts = {}): Promise<void> {
  const lost: Error[] = [];
  for (const stream of [context.stdout, context.stderr]) {
    stream.on("error", (error) => {
      if (isClosedPipe(error)) return;
      lost.push(error);
      tellLost(context, error);
    });
  }
  try {
    const program = await createProgram(context, parts, pathOf(commandTree(parts), argv));
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    // Commander has told it already; help and version are no errors.
    if (error instanceof CommanderError) context.setExitCode(error.exitCode === 0 ? EXIT.done : EXIT.misused);
    else context.setExitCode(reportError(context, error, { debug: argv.includes("--debug"), json: argv.includes("--json") }));
  }
  if (lost.length > 0) context.setExitCode(EXIT.failed);
}

/** `rstuf fsck … | head -1`: who reads no more wants no more. A file that takes no more is another matter. */
const isClosedPipe = (error: Error): boolean => "code" in error && error.code === "EPIPE";

function tellLost(context: CliContext, error: Error): void {
  context.setExitCode(reportError(context, new CliError("file-unwritable", "what was to be told could not be written", { why: systemReason(error), todo: "what was asked for may be done all the same; make room, or send the output elsewhere", cause: error }), { debug: false, json: false }));
}

/** Gives a command and those under it our streams and width, and keeps it from ending the process. */
function adopt(command: Command, context: CliContext): void {
  command
    // One paragraph: where its lines end is for the width to say.
    .description(command.description().replaceAll("\n", " "))
    .exitOverride()
    .configureHelp({ helpWidth: HELP_COLUMNS, subcommandTerm: (child) => (child.name() === "help" ? "help [command]" : child.name()), padWidth, formatItem, groupItems })
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

/** A command's own options come first, and what all of them have last, however they were added. */
function groupItems<T extends Command | Option>(unsorted: T[], visible: T[], groupOf: (item: T) => string): Map<string, T[]> {
  const groups = Map.groupBy(visible, groupOf);
  const place = (name: string): number => (name === COMMON ? 2 : name === CONNECTION ? 1 : 0);
  return new Map([...groups].sort(([a], [b]) => place(a) - place(b)));
}

/** How wide the column of terms is: of those that leave room for what is said of them. */
function padWidth(command: Command, help: Help): number {
  const terms = [...help.visibleArguments(command).map((each) => help.argumentTerm(each)), ...help.visibleOptions(command).map((each) => help.optionTerm(each)), ...help.visibleCommands(command).map((each) => help.subcommandTerm(each))];
  return Math.max(0, ...terms.map((term) => term.length).filter((length) => length <= TERM_COLUMNS));
}

/** A term that is too long for its column has a line of its own, so that no other is pushed to the right. */
function formatItem(this: Help, term: string, width: number, description: string): string {
  if (description === "") return `  ${term}`;
  const indent = " ".repeat(width + 4);
  const told = this.boxWrap(description, HELP_COLUMNS - indent.length).split("\n").join(`\n${indent}`);
  return term.length > width ? `  ${term}\n${indent}${told}` : `  ${term.padEnd(width)}  ${told}`;
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}
