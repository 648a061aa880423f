// Strict reading of JSON: one text has one meaning, or it is refused.
//
// Two readers that disagree about a document are a hole in a signature over it. So a
// duplicate member, a number that doubles cannot hold, a byte order mark, bytes that are
// not UTF-8 and half a surrogate pair are refused instead of being resolved somehow.
// `__proto__`, `constructor` and `prototype` are refused as member names: what arrives here
// is copied and looked up by code that was not written for them.
//
// How it stays fast (2.5 MB in about 30 ms) and safe: one pass over the bytes bounds the
// depth and counts members before the engine's parser sees anything; after it, one walk
// over the values counts again. Fewer members than were written means one was written twice.
// The same two passes tell whether the text is canonical JSON already, as what we write is: then
// nobody has to write it again to verify a signature (a snapshot of 16,384 bins: 3 ms and not 25).

import type { Json } from "./documents.ts";
import { TufError } from "./errors.ts";

export interface JsonOptions {
  /** Lists and objects within each other; 64 unless told. */
  readonly maxDepth?: number;
  readonly maxBytes?: number;
  /** "keep" reads `1.5` and `1e3` as numbers; integers beyond ±(2^53-1) and `-0` are refused all the same. */
  readonly floats?: "refuse" | "keep";
}

type Path = readonly (string | number)[];

const DEFAULT_MAX_DEPTH = 64;
const REFUSED_MEMBERS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** Whether a member of that name is refused wherever it stands. */
export function isRefusedMember(name: string): boolean {
  return REFUSED_MEMBERS.has(name);
}

/**
 * Reads `bytes` as JSON.
 * @throws TufError `json-size`, `json-encoding`, `json-depth`, `json-syntax`, `json-number`,
 *   `json-duplicate` or `json-member`; `at` says where, as far as it is known.
 */
export function parseJson(bytes: Uint8Array, options: JsonOptions = {}): Json {
  return readJson(bytes, options).value;
}

export interface ReadJson {
  readonly value: Json;
  /** The bytes are the canonical ones of the value. False also where that would take a closer look: member names like `7`, characters beyond U+FFFF. */
  readonly isCanonical: boolean;
}

/** As `parseJson`, and how it was written. */
export function readJson(bytes: Uint8Array, options: JsonOptions = {}): ReadJson {
  if (options.maxBytes !== undefined && bytes.length > options.maxBytes) {
    throw new TufError("json-size", `JSON of ${bytes.length} bytes, at most ${options.maxBytes} are read`);
  }
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw new TufError("json-encoding", "JSON begins with a byte order mark");
  }
  const seen = scan(bytes, options.maxDepth ?? DEFAULT_MAX_DEPTH);
  const value = parseText(bytes);
  if (seen.floatAt >= 0 && options.floats !== "keep") {
    const at = locate(bytes, seen.floatAt);
    throw new TufError("json-number", `${shown(at)}a number with fraction or exponent; only integers are read`, { at });
  }
  const walk = new Walk(seen.surrogateEscape);
  const members = walk.members(value, 0);
  if (members !== seen.members) {
    const at = locate(bytes, "duplicate");
    throw new TufError("json-duplicate", `${shown(at)}a member stands twice in one object`, { at });
  }
  return { value, isCanonical: seen.isPlain && seen.floatAt < 0 && walk.isSorted };
}

function parseText(bytes: Uint8Array): Json {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new TufError("json-encoding", "JSON is not valid UTF-8");
  }
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    // The engine's message quotes the input, which may hold anything; only its kind and the position are passed on.
    const reason = error instanceof Error ? error.message : "";
    const position = /at position (\d+)/.exec(reason)?.[1];
    const early = /^(Unexpected end|Unterminated)/.test(reason);
    throw new TufError("json-syntax", `not JSON${early ? ": it ends too early" : ""}${position === undefined ? "" : `, at character ${position}`}`);
  }
}

interface Seen {
  readonly members: number;
  /** Offset of a `.`, `e` or `E` within a number, or -1. */
  readonly floatAt: number;
  readonly surrogateEscape: boolean;
  /** No white space between tokens, no escape but of `"` and `\`, no character of four bytes: spelled as canonical JSON is. */
  readonly isPlain: boolean;
}

/** One pass over the bytes, before anything that could recurse: bounds the depth, counts members. */
function scan(bytes: Uint8Array, maxDepth: number): Seen {
  const end = bytes.length;
  let depth = 0;
  let members = 0;
  let floatAt = -1;
  let surrogateEscape = false;
  let isPlain = true;
  for (let i = 0; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte === 0x22) {
      for (i++; i < end; i++) {
        const inner = bytes[i] as number;
        if (inner === 0x22) break;
        if (inner >= 0xf0) isPlain = false;
        if (inner !== 0x5c) continue;
        i++;
        if (bytes[i] !== 0x22 && bytes[i] !== 0x5c) isPlain = false;
        // \uD8xx to \uDFxx: half a pair, perhaps without the other half.
        if (bytes[i] === 0x75 && ((bytes[i + 1] ?? 0) | 0x20) === 0x64) surrogateEscape = true;
      }
    } else if (byte === 0x3a) {
      members++;
    } else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > maxDepth) throw new TufError("json-depth", `JSON nested deeper than ${maxDepth} levels`);
    } else if (byte === 0x7d || byte === 0x5d) {
      depth--;
    } else if (floatAt < 0 && (byte === 0x2e || byte === 0x65 || byte === 0x45)) {
      const before = i > 0 ? (bytes[i - 1] as number) : 0;
      if (before >= 0x30 && before <= 0x39) floatAt = i; // a digit before it: not the `e` of `true`
    } else if (byte <= 0x20) isPlain = false;
  }
  return { members, floatAt, surrogateEscape, isPlain };
}

/** The walk over the parsed values; depth is bounded already. */
class Walk {
  readonly #path: (string | number)[] = [];
  readonly #checkWellFormed: boolean;
  /**
   * Whether the members of each object came in canonical order, as far as that can be told from the values: the engine puts
   * members named like `7` first, whatever was written, so with one of them the answer is no.
   */
  isSorted = true;

  constructor(checkWellFormed: boolean) {
    this.#checkWellFormed = checkWellFormed;
  }

  members(value: Json, depth: number): number {
    if (typeof value === "string") {
      if (this.#checkWellFormed) this.#wellFormed(value, depth);
      return 0;
    }
    if (typeof value === "number") {
      if (!Number.isSafeInteger(value) || value === 0) this.#number(value, depth);
      return 0;
    }
    if (typeof value !== "object" || value === null) return 0;
    let count = 0;
    if (isList(value)) {
      for (let i = 0; i < value.length; i++) {
        this.#path[depth] = i;
        count += this.members(value[i] as Json, depth + 1);
      }
      return count;
    }
    let before = "";
    for (const key of Object.keys(value)) {
      if (this.isSorted && (key < before || isIndex(key))) this.isSorted = false;
      before = key;
      this.#path[depth] = key;
      if ((key.length === 9 || key.length === 11) && REFUSED_MEMBERS.has(key)) this.#refuse("json-member", `a member may not be named ${key}`, depth + 1);
      if (this.#checkWellFormed) this.#wellFormed(key, depth);
      count += 1 + this.members(value[key] as Json, depth + 1);
    }
    return count;
  }

  #number(value: number, depth: number): void {
    if (Object.is(value, -0)) this.#refuse("json-number", "-0 is refused", depth);
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
      this.#refuse("json-number", "a number beyond 2^53-1", depth);
    }
  }

  #wellFormed(text: string, depth: number): void {
    if (!text.isWellFormed()) this.#refuse("json-encoding", "half a surrogate pair in a string", depth);
  }

  #refuse(code: "json-member" | "json-number" | "json-encoding", message: string, depth: number): never {
    const at = this.#path.slice(0, depth);
    throw new TufError(code, shown(at) + message, { at });
  }
}

/** Named as places of a list are, which the engine sorts by itself. */
function isIndex(key: string): boolean {
  const last = key.charCodeAt(key.length - 1);
  return last >= 0x30 && last <= 0x39 && /^[0-9]+$/.test(key);
}

/**
 * Where in well-formed JSON an offset lies, or the first duplicate member. The slow way
 * round, taken only to say what is refused.
 */
function locate(bytes: Uint8Array, target: number | "duplicate"): Path {
  const frames: { names: Set<string> | undefined; at: string | number; nameNext: boolean }[] = [];
  const decoder = new TextDecoder();
  for (let i = 0; i < bytes.length; i++) {
    if (i === target) break;
    const top = frames.at(-1);
    switch (bytes[i]) {
      case 0x7b: frames.push({ names: new Set(), at: "", nameNext: true }); break;
      case 0x5b: frames.push({ names: undefined, at: 0, nameNext: false }); break;
      case 0x7d: case 0x5d: frames.pop(); break;
      case 0x2c:
        if (top?.names !== undefined) top.nameNext = true;
        else if (typeof top?.at === "number") top.at++;
        break;
      case 0x22: {
        const start = i;
        for (i++; i < bytes.length && bytes[i] !== 0x22; i++) if (bytes[i] === 0x5c) i++;
        if (top?.names === undefined || !top.nameNext) break;
        const name = JSON.parse(decoder.decode(bytes.subarray(start, i + 1))) as string;
        top.at = name;
        top.nameNext = false;
        if (target === "duplicate" && top.names.has(name)) return frames.map((frame) => frame.at);
        top.names.add(name);
        break;
      }
      default:
    }
  }
  return frames.map((frame) => frame.at);
}

function shown(at: Path): string {
  if (at.length === 0) return "";
  const text = at.join(".");
  return `${text.length > 200 ? `${text.slice(0, 200)}…` : text}: `;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
