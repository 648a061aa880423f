// Colour, only where somebody sees it: on a terminal, unless NO_COLOR is set.

import { styleText } from "node:util";
import type { CliContext } from "../context.ts";

export type Paint = (text: string) => string;

export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly good: Paint;
  readonly warn: Paint;
  readonly bad: Paint;
}

const plain: Paint = (text) => text;
const PLAIN: Style = { bold: plain, dim: plain, good: plain, warn: plain, bad: plain };

const painted = (format: Parameters<typeof styleText>[0]): Paint => (text) => styleText(format, text, { validateStream: false });
const COLOURED: Style = { bold: painted("bold"), dim: painted("dim"), good: painted("green"), warn: painted("yellow"), bad: painted("red") };

/** For what is written to that stream. */
export function styleOf(context: CliContext, stream: "stdout" | "stderr"): Style {
  const isTerminal = stream === "stdout" ? context.isStdoutTty : context.isTty;
  const refused = (context.env("NO_COLOR") ?? "") !== "" || context.env("TERM") === "dumb";
  return isTerminal && !refused ? COLOURED : PLAIN;
}
