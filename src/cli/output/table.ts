// Rows for people. On a terminal they fit its width: what may be cut is cut in the middle, and
// when that is not enough each row becomes a block of lines. Keyids are never cut: a column
// says whether it may be. Into a pipe everything is written whole.

import type { CliContext } from "../context.ts";
import { styleOf, type Paint } from "./style.ts";
import { cut, folded, padEnd, padStart, widthOf } from "./width.ts";

export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  /** Numbers stand to the right. */
  readonly right?: boolean;
  /** The fewest columns it may be cut to; without it, it is never cut. */
  readonly cutTo?: number;
  readonly paint?: (row: Row) => Paint | undefined;
}

const GAP = "  ";

/** The lines of a table, without a trailing one. */
export function tableLines<Row>(context: CliContext, columns: readonly Column<Row>[], rows: readonly Row[]): string[] {
  const cells = rows.map((row) => columns.map((column) => column.text(row)));
  const natural = columns.map((column, index) => Math.max(widthOf(column.title), ...cells.map((row) => widthOf(row[index] ?? ""))));
  const widths = fitted(columns, natural, context.isStdoutTty ? context.columns() : Number.POSITIVE_INFINITY);
  const style = styleOf(context, "stdout");
  if (widths === undefined) return blocks(columns, rows, cells, style.dim);
  const lineOf = (texts: readonly string[], paintOf: (index: number) => Paint | undefined): string =>
    columns
      .map((column, index) => {
        const width = widths[index] ?? 0;
        const text = cut(texts[index] ?? "", width);
        const padded = column.right === true ? padStart(text, width) : index === columns.length - 1 ? text : padEnd(text, width);
        return (paintOf(index) ?? ((same) => same))(padded);
      })
      .join(GAP)
      .trimEnd();
  return [lineOf(columns.map(({ title }) => title), () => style.dim), ...rows.map((row, at) => lineOf(cells[at] ?? [], (index) => columns[index]?.paint?.(row)))];
}

/** Widths that add up to at most `room`, or undefined when no cutting makes them. */
function fitted<Row>(columns: readonly Column<Row>[], natural: readonly number[], room: number): number[] | undefined {
  const widths = [...natural];
  let surplus = widths.reduce((sum, width) => sum + width, 0) + GAP.length * (columns.length - 1) - room;
  for (; surplus > 0; ) {
    // The widest that may still be cut gives first.
    let widest = -1;
    for (const [index, column] of columns.entries()) {
      const spare = column.cutTo === undefined ? 0 : (widths[index] ?? 0) - column.cutTo;
      if (spare > 0 && (widest < 0 || (widths[index] ?? 0) > (widths[widest] ?? 0))) widest = index;
    }
    if (widest < 0) return undefined;
    widths[widest] = (widths[widest] ?? 0) - 1;
    surplus -= 1;
  }
  return widths;
}

function blocks<Row>(columns: readonly Column<Row>[], rows: readonly Row[], cells: readonly (readonly string[])[], dim: Paint): string[] {
  const label = Math.max(...columns.map(({ title }) => widthOf(title)));
  return rows.flatMap((row, at) => [
    ...(at === 0 ? [] : [""]),
    ...columns.map((column, index) => `${dim(padEnd(column.title, label))}  ${(column.paint?.(row) ?? ((same: string) => same))(cells[at]?.[index] ?? "")}`.trimEnd()),
  ]);
}

/** `name  value` lines; values that are undefined are left out, further lines of a value stand under its first. */
export function factLines(context: CliContext, facts: readonly (readonly [name: string, value: string | undefined])[]): string[] {
  const shown = facts.filter((fact): fact is readonly [string, string] => fact[1] !== undefined);
  const label = Math.max(0, ...shown.map(([name]) => widthOf(name)));
  const { dim } = styleOf(context, "stdout");
  const room = context.isStdoutTty ? Math.max(40, context.columns() - label - GAP.length) : Number.POSITIVE_INFINITY;
  return shown.flatMap(([name, value]) => value.split("\n").flatMap((line) => folded(line, room)).map((line, index) => `${index === 0 ? dim(padEnd(name, label)) : " ".repeat(label)}  ${line}`.trimEnd()));
}
