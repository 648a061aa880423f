// What can stand on a command line: of each command its subcommands, its options, and what their
// values and its arguments are.

import type { Command, Option } from "commander";

/** What a value is: one of a few words, a file, a folder, or something only the user knows. */
export type Value = readonly string[] | "file" | "folder" | "other";

export interface OptionWords {
  /** `-c`, `--config`. */
  readonly names: readonly string[];
  readonly says: string;
  /** Undefined: it takes none. */
  readonly value: Value | undefined;
  /** It may also be given without one. */
  readonly canStandAlone: boolean;
}

export interface CommandWords {
  /** Words that lead to it; empty: the program itself. */
  readonly path: readonly string[];
  readonly commands: readonly { readonly name: string; readonly says: string }[];
  readonly options: readonly OptionWords[];
  /** What the first argument is, if there is one. */
  readonly argument: Value | undefined;
}

/** Every command, the program first. */
export function wordsOf(command: Command, path: readonly string[] = []): CommandWords[] {
  const commands = command.commands.filter((child) => child.name() !== "help");
  const own: CommandWords = {
    path,
    commands: commands.map((child) => ({ name: child.name(), says: child.summary() })),
    options: [...command.options.filter(({ hidden }) => !hidden).map(optionWords), { names: ["-h", "--help"], says: "display help for command", value: undefined, canStandAlone: true }],
    argument: argumentOf(command),
  };
  return [own, ...commands.flatMap((child) => wordsOf(child, [...path, child.name()]))];
}

function optionWords(option: Option): OptionWords {
  const takes = option.required || option.optional;
  return { names: [option.short, option.long].filter((name) => name !== undefined), says: option.description, value: takes ? valueOf(option.argChoices, option.flags) : undefined, canStandAlone: !option.required };
}

function argumentOf(command: Command): Value | undefined {
  const [first] = command.registeredArguments;
  if (first === undefined) return undefined;
  return valueOf(first.argChoices, first.name());
}

function valueOf(choices: readonly string[] | undefined, name: string): Value {
  if (choices !== undefined) return choices;
  return /\bfile\b|payload/.test(name) ? "file" : /\bdir\b/.test(name) ? "folder" : "other";
}
