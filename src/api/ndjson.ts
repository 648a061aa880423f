// NDJSON as it comes: one JSON value a line, numbered from 1, in bounded memory.
//
// Each line is read as strictly as a whole body is (tuf/json.ts). A fault is told with its line, and
// the lines after it are still read: whoever has ten faults learns of ten.

import type { Json } from "../tuf/documents.ts";
import { TufError } from "../tuf/errors.ts";
import { parseJson } from "../tuf/json.ts";

export type Line =
  | { readonly line: number; readonly value: Json }
  | { readonly line: number; readonly fault: { readonly code: string; readonly message: string; readonly at: readonly (string | number)[] } };

const LINE_FEED = 0x0a;

/** So many lines are read at a stretch: a millisecond with what is done with them. */
const LINES_AT_ONCE = 50;

/** The lines of each piece that arrives, a few at a time. The last line needs no line feed. */
export async function* linesOf(
  pieces: AsyncIterable<Uint8Array>, limits: { readonly lineBytes: number; readonly depth: number },
): AsyncGenerator<readonly Line[]> {
  let number = 0;
  /** The beginning of a line whose end has not come. */
  let rest: Uint8Array = new Uint8Array(0);
  /** The line it belongs to is too long, and said to be so already. */
  let skips = false;
  for await (const piece of pieces) {
    let lines: Line[] = [];
    let from = 0;
    for (let end = piece.indexOf(LINE_FEED); end >= 0; from = end + 1, end = piece.indexOf(LINE_FEED, from)) {
      number++;
      const bytes = rest.length === 0 ? piece.subarray(from, end) : Buffer.concat([rest, piece.subarray(from, end)]);
      rest = new Uint8Array(0);
      if (!skips) push(lines, bytes, number, limits);
      skips = false;
      if (lines.length < LINES_AT_ONCE) continue;
      yield lines;
      lines = [];
    }
    if (!skips && rest.length + piece.length - from > limits.lineBytes) {
      lines.push(tooLong(number + 1, limits.lineBytes));
      skips = true;
    }
    rest = skips ? new Uint8Array(0) : Buffer.concat([rest, piece.subarray(from)]);
    yield lines;
  }
  if (rest.length === 0 && !skips) return;
  const lines: Line[] = [];
  if (!skips) push(lines, rest, ++number, limits);
  yield lines;
}

function push(lines: Line[], bytes: Uint8Array, line: number, limits: { readonly lineBytes: number; readonly depth: number }): void {
  if (bytes.length > limits.lineBytes) {
    lines.push(tooLong(line, limits.lineBytes));
    return;
  }
  try {
    lines.push({ line, value: parseJson(bytes, { maxDepth: limits.depth, floats: "keep" }) });
  } catch (error) {
    if (!(error instanceof TufError)) throw error;
    lines.push({ line, fault: { code: error.code, message: error.message, at: error.at ?? [] } });
  }
}

function tooLong(line: number, most: number): Line {
  return { line, fault: { code: "line-too-long", message: `a line has at most ${String(most)} bytes`, at: [] } };
}
