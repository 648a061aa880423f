import type { CliContext } from "../context.ts";
import { folded } from "./width.ts";

/** A line for people. A terminal would break a long one in the middle of a word; a file gets it whole. */
export function tell(context: CliContext, where: "stdout" | "stderr", line: string): void {
  const isTerminal = where === "stdout" ? context.isStdoutTty : context.isTty;
  context[where].write(`${(isTerminal ? folded(line, context.columns()) : [line]).join("\n")}\n`);
}
