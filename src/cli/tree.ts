// Every command there is, with its one line. Only the command that is asked for is loaded: the
// others are names in a list, so that `rstuf --help` and each command start fast.

import { Command } from "commander";
import type { CliContext } from "./context.ts";
import type { OpenService } from "./check-published.ts";
import { addCommonOptions, addToGroup, VALUE_OPTIONS } from "./options.ts";

/** What commands need beyond what the CLI may import. */
export interface CommandParts {
  /** How `fsck --data-dir` and `--config` get at the database. Without it those flags are refused. */
  readonly openService?: OpenService;
  /** The program with all of its commands in full. */
  readonly whole?: () => Promise<Command>;
  /** Starts a service on a data directory, on a free port, for as long as a rehearsal lasts. */
  readonly rehearse?: (dataDir: string) => Promise<{ readonly origin: string } & AsyncDisposable>;
}

/** Makes a command with its arguments, options, help and action; name and summary come from the tree. */
export type MakeCommand = (context: CliContext, parts: CommandParts) => Command;

export interface Leaf {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<MakeCommand>;
}

export interface Group {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly commands: readonly CommandNode[];
}

export type CommandNode = Leaf | Group;

/** The words that name a command on this command line, as far as the tree knows them. */
export function pathOf(nodes: readonly CommandNode[], argv: readonly string[]): string[] {
  const path: string[] = [];
  let level = nodes;
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? "";
    if (word.startsWith("-")) {
      if (VALUE_OPTIONS.has(word)) at += 1;
      continue;
    }
    const node = level.find(({ name }) => name === word);
    if (node === undefined && word === "help") continue;
    if (node === undefined) break;
    path.push(word);
    if (!("commands" in node)) break;
    level = node.commands;
  }
  return path;
}

/** Adds `nodes` to `parent`; of the leaves only the one that `path` leads to is loaded, or all of them with `"all"`. */
export async function grow(parent: Command, nodes: readonly CommandNode[], path: readonly string[] | "all", context: CliContext, parts: CommandParts): Promise<void> {
  for (const node of nodes) {
    const isWanted = path === "all" || path[0] === node.name;
    const further = path === "all" ? "all" : path.slice(1);
    let command: Command;
    if ("commands" in node) {
      command = new Command(node.name).summary(node.summary).description(node.description).helpCommand("help [command]", "help for a command");
      addToGroup(command, { shown: false });
      await grow(command, node.commands, isWanted ? further : [], context, parts);
    } else if (isWanted) {
      command = (await node.load())(context, parts).name(node.name).summary(node.summary);
      addCommonOptions(command);
    } else command = new Command(node.name).summary(node.summary).action(notLoaded);
    parent.addCommand(command);
  }
}

/** The path was found in the same words that commander reads; if they ever disagree, that is seen. */
function notLoaded(): never {
  throw new Error("the command was not loaded");
}
