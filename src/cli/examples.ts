// The end of a help text: commands to paste, and what the exit codes mean.

/** One command a line; longer ones go on after a backslash, so that they fit and still paste. */
export function examplesText(groups: readonly { readonly title?: string; readonly commands: readonly string[] }[], exitCodes: string): string {
  const lines = ["", "Examples:"];
  for (const { title, commands } of groups) {
    if (title !== undefined) lines.push(`  ${title}`);
    for (const command of commands) lines.push(...broken(command));
  }
  return [...lines, "", `Exit codes: ${exitCodes}`].join("\n");
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
