// OLPC canonical JSON, the bytes that are signed (TUF specification 4.1).
//
// Members in order of their code points, which is the order of their UTF-8 bytes, as
// python-tuf, go-tuf and tough sort; no white space; only integers; in strings only `"`
// and `\` are escaped. Control characters stand bare, so canonical bytes are not always
// JSON: `embed` makes them so without changing what they say.

import type { Json, Signature } from "./documents.ts";
import { TufError } from "./errors.ts";

const MAX_DEPTH = 512;
const SURROGATE = /[\ud800-\udfff]/;
const ESCAPED = /["\\]/;

/**
 * Canonical bytes of `value`.
 * @throws TufError `canonical-number` for anything but integers within ±(2^53-1),
 *   `canonical-value` for half a surrogate pair, a value JSON does not have, or one nested
 *   deeper than 512 levels.
 */
export function canonicalize(value: Json): Buffer {
  return Buffer.from(canonicalString(value), "utf8");
}

/** The same as text. */
export function canonicalString(value: Json): string {
  return write(value, 0);
}

function write(value: Json | undefined, depth: number): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      throw new TufError("canonical-number", `${value} has no canonical form; only integers within 2^53-1 have`);
    }
    return String(value);
  }
  if (value === null) return "null";
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value !== "object") throw new TufError("canonical-value", `a value of type ${typeof value} has no canonical form`);
  if (depth >= MAX_DEPTH) throw new TufError("canonical-value", `nested deeper than ${MAX_DEPTH} levels`);
  let text = "";
  if (isList(value)) {
    for (const item of value) text += (text === "" ? "" : ",") + write(item, depth + 1);
    return `[${text}]`;
  }
  for (const name of sortedNames(value)) {
    text += `${text === "" ? "" : ","}${quoted(name)}:${write(value[name], depth + 1)}`;
  }
  return `{${text}}`;
}

/** `text` as a canonical string literal. */
function quoted(text: string): string {
  if (!text.isWellFormed()) throw new TufError("canonical-value", "half a surrogate pair in a string");
  return ESCAPED.test(text) ? `"${text.replace(/["\\]/g, "\\$&")}"` : `"${text}"`;
}

const sortedNames = (value: { readonly [name: string]: Json }): string[] => sortCodePoints(Object.keys(value));

/** Sorts in place. The engine sorts UTF-16 units, in a third of the time; only surrogates make that differ from code points. */
export function sortCodePoints(texts: string[]): string[] {
  texts.sort();
  return texts.some((text) => SURROGATE.test(text)) ? texts.sort(compareCodePoints) : texts;
}

/** Order of code points, which is the order of the UTF-8 bytes; both strings well-formed. */
export function compareCodePoints(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  for (let i = 0; i < end; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const xHigh = x >= 0xd800 && x <= 0xdfff;
    const yHigh = y >= 0xd800 && y <= 0xdfff;
    // A surrogate stands for a code point above every single unit.
    if (xHigh !== yHigh) return xHigh ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
}

/**
 * Whether names already in code-point order are in UTF-16 order too. Where they are not,
 * clients that sort as JavaScript does compute other bytes, and no one order satisfies all.
 */
export function ordersAgree(sorted: Iterable<string>): boolean {
  let previous: string | undefined;
  for (const name of sorted) {
    if (previous !== undefined && previous > name) return false;
    previous = name;
  }
  return true;
}

/**
 * Canonical bytes as valid JSON that reads back as the same value: bare control characters
 * become escapes. Returns the same buffer when there are none.
 */
export function embed(canonical: Buffer): Buffer {
  const first = firstControl(canonical);
  if (first < 0) return canonical;
  const parts: Buffer[] = [];
  let start = 0;
  for (let i = first; i < canonical.length; i++) {
    const byte = canonical[i] as number;
    if (byte >= 0x20) continue;
    // Canonical JSON has no white space between tokens, so this stands in a string.
    parts.push(canonical.subarray(start, i), escapeOf(byte));
    start = i + 1;
  }
  parts.push(canonical.subarray(start));
  return Buffer.concat(parts);
}

/**
 * The place of the first byte below 0x20, or -1. Four bytes at a time: every snapshot of half a
 * megabyte passes here, and has none.
 */
function firstControl(bytes: Buffer): number {
  const aligned = Math.min(bytes.length, (4 - (bytes.byteOffset % 4)) % 4);
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + aligned, (bytes.length - aligned) >> 2);
  const oneByOne = (from: number, to: number): number => {
    for (let i = from; i < to; i++) if ((bytes[i] as number) < 0x20) return i;
    return -1;
  };
  const before = oneByOne(0, aligned);
  if (before >= 0) return before;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    // The high bit of each byte that was below 0x20; a borrow may mark its neighbour too, never without it.
    if (((word - 0x20202020) & ~word & 0x80808080) !== 0) return oneByOne(aligned + i * 4, bytes.length);
  }
  return oneByOne(aligned + words.length * 4, bytes.length);
}

const escapes = new Map<number, Buffer>();

function escapeOf(byte: number): Buffer {
  let escape = escapes.get(byte);
  if (escape === undefined) {
    escape = Buffer.from(JSON.stringify(String.fromCharCode(byte)).slice(1, -1), "latin1");
    escapes.set(byte, escape);
  }
  return escape;
}

/**
 * The envelope as it is stored and served: `{"signatures":[...],"signed":...}` around what
 * was signed.
 * @throws TufError `document-field` when a keyid stands twice (TUF 4.2.1).
 */
export function envelopeBytes(canonicalSigned: Buffer, signatures: readonly Signature[]): Buffer {
  const keyids = new Set(signatures.map((signature) => signature.keyid));
  if (keyids.size !== signatures.length) throw new TufError("document-field", "a keyid stands twice in the signatures");
  // A bundle is what its signer sent; it is signed by nobody, and may say what has no canonical form.
  const listed = signatures.some(({ bundle }) => bundle !== undefined)
    ? Buffer.from(JSON.stringify(signatures.map(({ keyid, sig, bundle }) => ({ keyid, sig, bundle }))))
    : embed(canonicalize(signatures.map(({ keyid, sig }) => ({ keyid, sig }))));
  return Buffer.concat([
    Buffer.from('{"signatures":'),
    listed,
    Buffer.from(',"signed":'),
    embed(canonicalSigned),
    Buffer.from("}"),
  ]);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
