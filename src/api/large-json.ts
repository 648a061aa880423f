// Reads large JSON bodies without keeping everybody else waiting.
//
// A large request is an object with one long list in it. The list is cut at its own commas
// into pieces of some hundred kilobytes; what remains with empty lists in their place, and
// every piece, is read by tuf/json.ts on its own, with a turn of the loop in between. The
// answer is the same as reading the whole at once, refusals included: text is accepted only if
// the remainder is JSON, every piece is a non-empty run of values, and both keep all rules.

import { nextTurn } from "../lib/turn.ts";
import type { Json } from "../tuf/documents.ts";
import { TufError } from "../tuf/errors.ts";
import { parseJson, type JsonOptions } from "../tuf/json.ts";

export interface LargeJsonOptions extends JsonOptions {
  readonly maxDepth: number;
  /** Bodies up to this size, and pieces of larger ones, are read in one turn: about 5 ms. */
  readonly pieceBytes?: number;
}

const PIECE_BYTES = 256 * 1024;

/** Reads a body as `parseJson` does. @throws TufError as `parseJson` */
export async function parseLargeJson(bytes: Uint8Array, options: LargeJsonOptions): Promise<Json> {
  const { pieceBytes = PIECE_BYTES, ...strict } = options;
  if (bytes.length <= pieceBytes) return parseJson(bytes, strict);
  const lists = await longLists(bytes, pieceBytes);
  const body = parseJson(without(bytes, lists), strict);
  for (const list of lists) {
    const name = JSON.parse(Buffer.from(bytes.subarray(list.nameFrom, list.nameTo)).toString()) as string;
    const values: Json[] = [];
    for (const { from, to } of list.pieces) {
      await nextTurn();
      for (const value of readPiece(bytes.subarray(from, to), name, values.length, strict)) values.push(value);
    }
    // The remainder was read, so it is an object and this member is its own.
    (body as Record<string, Json>)[name] = values;
  }
  return body;
}

function readPiece(piece: Uint8Array, name: string, before: number, options: LargeJsonOptions): readonly Json[] {
  let values: readonly Json[];
  try {
    values = parseJson(Buffer.concat([OPEN, piece, CLOSE]), { ...options, maxDepth: options.maxDepth - 1 }) as readonly Json[];
  } catch (error) {
    if (!(error instanceof TufError)) throw error;
    const [index, ...deeper] = error.at ?? [];
    const at = typeof index === "number" ? [name, before + index, ...deeper] : [name];
    throw new TufError(error.code, error.message, { at, cause: error });
  }
  if (values.length === 0) throw new TufError("json-syntax", "not JSON: a comma without a value", { at: [name] });
  return values;
}

const OPEN = Buffer.from("[");
const CLOSE = Buffer.from("]");

interface Range {
  readonly from: number;
  readonly to: number;
}

interface LongList {
  /** The member's name, with its quotes. */
  readonly nameFrom: number;
  readonly nameTo: number;
  /** Between the brackets; at least two. */
  readonly pieces: readonly Range[];
}

/** Bytes that are looked at before others get their turn. */
const SCAN_BYTES = 1024 * 1024;

/**
 * The lists directly inside the object that `bytes` should be, where they are longer than a
 * piece. Of text that is no JSON anything may be answered: reading the parts refuses it.
 */
async function longLists(bytes: Uint8Array, pieceBytes: number): Promise<readonly LongList[]> {
  const lists: LongList[] = [];
  let depth = 0;
  let name: Range = { from: 0, to: 0 };
  let pieces: Range[] = [];
  /** Where the piece being measured began; -1 outside of a list inside the object. */
  let pieceFrom = -1;
  let turn = SCAN_BYTES;
  for (let at = 0; at < bytes.length; at++) {
    if (at > turn) {
      turn = at + SCAN_BYTES;
      await nextTurn();
    }
    const byte = bytes[at];
    if (byte === QUOTE) {
      const from = at;
      for (at++; at < bytes.length && bytes[at] !== QUOTE; at++) if (bytes[at] === BACKSLASH) at++;
      if (depth === 1) name = { from, to: at + 1 };
    } else if (byte === OPEN_BRACKET || byte === OPEN_BRACE) {
      depth += 1;
      if (depth === 1 && byte === OPEN_BRACKET) return [];
      if (depth === 2 && byte === OPEN_BRACKET) {
        pieceFrom = at + 1;
        pieces = [];
      }
    } else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) {
      if (depth === 2 && pieceFrom >= 0) {
        if (byte === CLOSE_BRACE) return [];
        if (pieces.length > 0) lists.push({ nameFrom: name.from, nameTo: name.to, pieces: [...pieces, { from: pieceFrom, to: at }] });
        pieceFrom = -1;
      }
      depth -= 1;
    } else if (byte === COMMA && depth === 2 && pieceFrom >= 0 && at - pieceFrom >= pieceBytes) {
      pieces.push({ from: pieceFrom, to: at });
      pieceFrom = at + 1;
    }
  }
  return lists;
}

/** The bytes with the long lists emptied. */
function without(bytes: Uint8Array, lists: readonly LongList[]): Uint8Array {
  const kept: Uint8Array[] = [];
  let from = 0;
  for (const { pieces } of lists) {
    kept.push(bytes.subarray(from, pieces[0]?.from));
    from = pieces.at(-1)?.to ?? from;
  }
  return Buffer.concat([...kept, bytes.subarray(from)]);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
