// The end of a help text: commands to paste, and what the exit codes mean.

import { wrapped } from "./output/width.ts";

/** One command a line; longer ones go on after a backslash, so that they fit and still paste. */
export function examplesText(groups: readonly { readonly title?: string; readonly commands: readonly string[] }[], exitCodes: string): string {
  const lines = ["", "Examples:"];
  for (const { title, commands } of groups) {
    if (title !== undefined) lines.push(`  ${title}`);
    for (const command of commands) lines.push(...broken(command));
  }
  // A code stays with what it means, as far as that is short.
  const codes = wrapped(`Exit codes: ${exitCodes.replaceAll("\n", " ").replaceAll(/\b\d+ (?:[^,]{1,24}(?=,|$))?/g, (code) => code.replaceAll(" ", "\u00a0"))}`, COLUMNS);
  return [...lines, "", ...codes.map((line) => line.replaceAll("\u00a0", " "))].join("\n");
}

const COLUMNS = 78;

function broken(command: string): string[] {
  const lines: string[] = [];
  let line = "  $";
  // An option stays with its value.
  for (const word of command.split(/ (?=-)/)) {
    if (line.length + 1 + word.length > COLUMNS && line.trim() !== "$") {
      lines.push(`${line} \\`);
      line = "     ";
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
