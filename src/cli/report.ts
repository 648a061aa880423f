// How an error is told: what happened, why, and what to do. No stack trace unless asked for.

import { AppError } from "../lib/app-error.ts";
import { RestError } from "../sdk/errors.ts";
import type { CliContext } from "./context.ts";
import { CliError } from "./errors.ts";
import { exitCodeOf, EXIT } from "./exit-codes.ts";
import { styleOf } from "./output/style.ts";
import { folded, wrapped } from "./output/width.ts";
import { printable } from "./printable.ts";

interface Told {
  readonly code: string;
  readonly message: string;
  readonly why?: string | undefined;
  readonly todo?: string | undefined;
  readonly status?: number | undefined;
  readonly serverCode?: string | undefined;
  readonly taskId?: string | undefined;
  readonly faults?: readonly { readonly at: string; readonly message: string }[] | undefined;
}

/** Tells it on stderr, with --json on stdout too, and answers the exit code. */
export function reportError(context: CliContext, error: unknown, how: { readonly debug: boolean; readonly json: boolean }): number {
  const told = toldOf(error);
  if (how.json) context.stdout.write(`${JSON.stringify({ error: told })}\n`);
  context.stderr.write(errorText(context, told));
  if (how.debug) context.stderr.write(`${stacks(error)}\n`);
  return told.code === "unexpected" ? EXIT.failed : exitCodeOf(told.code);
}

/** One error for programs, as it stands under `error`. */
export function toldOf(error: unknown): Told {
  if (error instanceof RestError) {
    const { code, message, why, todo, status, serverCode, taskId, faults } = error;
    return { code, message, why, todo, status, serverCode, taskId, faults: faults.length === 0 ? undefined : faults };
  }
  if (error instanceof CliError) return { code: error.code, message: error.message, why: error.why, todo: error.todo ?? (error.code === "misused" ? "the same command with --help says how it is used" : undefined) };
  if (error instanceof AppError) return { code: (error as AppError).code, message: error.message };
  return { code: "unexpected", message: error instanceof Error ? error.message : String(error), todo: "this is a fault of the program, or of the machine; --debug shows where" };
}

const LABEL_COLUMNS = 7;

/** `error: …` and under it why, and what to do, no wider than the terminal. */
export function errorText(context: CliContext, told: Told): string {
  const style = styleOf(context, "stderr");
  if (told.code === "interrupted" && told.why === undefined) return "interrupted\n";
  const code = told.serverCode === undefined ? told.code : `${told.code}: ${told.serverCode}`;
  const columns = context.isTty ? Math.max(40, context.columns()) : Number.POSITIVE_INFINITY;
  const [first = "", ...others] = `error: ${printableLines(told.message).join("\n")} (${code})`.split("\n").flatMap((line) => folded(line, columns));
  const lines = [first.replace(/^error:/, style.bad), ...others];
  const room = Math.max(40, context.isTty ? context.columns() : 100) - LABEL_COLUMNS;
  for (const [label, text] of [["why:", told.why], ["do:", told.todo]] as const) {
    if (text === undefined || text === "") continue;
    const wrappedLines = printableLines(text).flatMap((line) => wrapped(line, room));
    lines.push(...wrappedLines.map((line, index) => `${(index === 0 ? `  ${label}` : "").padEnd(LABEL_COLUMNS)}${line}`));
  }
  return `${lines.join("\n")}\n`;
}

function printableLines(text: string): string[] {
  return text.split("\n").map(printable);
}

function stacks(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (error.stack ?? error.message) + (error.cause === undefined ? "" : `\nbecause of ${stacks(error.cause)}`);
}
