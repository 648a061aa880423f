// Lists of the service, page after page: as much as was asked for, and whether there is more.

import { InvalidArgumentError, type Command } from "commander";
import type { Session } from "./session.ts";

export interface ListFlags {
  readonly limit: number;
  readonly all?: boolean;
}

interface Page<Row> {
  readonly data: readonly Row[];
  readonly next?: string;
}

/** The most that the service gives at once. */
const PAGE = 1000;

export function withLimit(command: Command, most: number, what: string): Command {
  return command.option("--limit <number>", `at most so many ${what}`, limit, most).option("--all", "all there are, however many");
}

/**
 * Tells each page as it comes. With --json each row is an object on a line of its own.
 * @param ask one page
 * @returns how many rows were told
 */
export async function tellPages<Row extends object>(session: Session, flags: ListFlags, ask: (page: { readonly limit: number; readonly cursor?: string }) => Promise<Page<Row>>, lines: (rows: readonly Row[]) => readonly string[]): Promise<number> {
  const most = flags.all === true ? Number.POSITIVE_INFINITY : flags.limit;
  let told = 0;
  let cursor: string | undefined;
  do {
    const page = await ask({ limit: Math.min(PAGE, most - told), ...(cursor === undefined ? {} : { cursor }) });
    for (const row of page.data) session.emit(row);
    // The titles stand above the first page alone.
    if (page.data.length > 0 && !session.json) for (const line of lines(page.data).slice(told === 0 ? 0 : 1)) session.say(line);
    told += page.data.length;
    cursor = page.next;
    // `| head -1`: who reads no more is asked nothing for.
  } while (cursor !== undefined && told < most && session.context.stdout.writable);
  if (cursor !== undefined && session.context.stdout.writable) session.note("There are more: --all shows them.");
  return told;
}

function limit(text: string): number {
  const value = Number(text);
  if (!/^[0-9]{1,9}$/.test(text) || value < 1) throw new InvalidArgumentError("A whole number of at least 1.");
  return value;
}
