// Hash bins: which role a path belongs to by the leading bits of sha256(path).
//
// Succinct bins after TAP 15: `prefix-` and the index in hex, padded to the width of the
// last one. Classic bins are the same bins written as explicit `path_hash_prefixes`.

import { sha256Prefix32 } from "./crypto.ts";
import { TufError } from "./errors.ts";

/** The most bins a repository of ours has; a bit length read from others may be up to 32. */
export const MAX_BINS = 16_384;
const MAX_BIT_LENGTH = 32;

/**
 * The bit length of `bins` bins.
 * @throws TufError `bins` unless a power of two from 2 to 16,384
 */
export function bitLengthOf(bins: number): number {
  if (!Number.isInteger(bins) || bins < 2 || bins > MAX_BINS || floorToPowerOfTwo(bins) !== bins) {
    throw new TufError("bins", `${bins} is no number of bins: a power of two from 2 to ${MAX_BINS} is`);
  }
  return Math.log2(bins);
}

/**
 * The greatest power of two not above `n`.
 * @throws TufError `bins` when `n` is below 1 or no safe number
 */
export function floorToPowerOfTwo(n: number): number {
  if (!(n >= 1 && n <= Number.MAX_SAFE_INTEGER)) throw new TufError("bins", `no power of two lies at or below ${n}`);
  let power = 1;
  while (power * 2 <= n) power *= 2;
  return power;
}

/** How many bins a bit length makes; 1 to 32. */
export function binCount(bitLength: number): number {
  checkBitLength(bitLength);
  return 2 ** bitLength;
}

/**
 * The name of bin `index`.
 * @throws TufError `bins` for an index outside the bins or a bit length outside 1 to 32
 */
export function binName(prefix: string, bitLength: number, index: number): string {
  checkIndex(bitLength, index);
  return `${prefix}-${index.toString(16).padStart(hexWidth(bitLength), "0")}`;
}

/** The index of the bin `path` falls into. */
export function binIndexOf(bitLength: number, path: string): number {
  checkBitLength(bitLength);
  return sha256Prefix32(path) >>> (MAX_BIT_LENGTH - bitLength);
}

/** The name of the bin `path` falls into. */
export function binOf(prefix: string, bitLength: number, path: string): string {
  return binName(prefix, bitLength, binIndexOf(bitLength, path));
}

/** All names in order of index. */
export function* binNames(prefix: string, bitLength: number): Generator<string> {
  const count = binCount(bitLength);
  for (let index = 0; index < count; index++) yield binName(prefix, bitLength, index);
}

/** Whether `name` is one of the bins, spelled exactly as its index is. */
export function isBinName(prefix: string, bitLength: number, name: string): boolean {
  return binIndexOfName(prefix, bitLength, name) !== undefined;
}

/** The index a bin's name carries; undefined when it is no bin's name. */
export function binIndexOfName(prefix: string, bitLength: number, name: string): number | undefined {
  checkBitLength(bitLength);
  if (!name.startsWith(`${prefix}-`)) return undefined;
  const suffix = name.slice(prefix.length + 1);
  if (suffix.length !== hexWidth(bitLength) || !/^[0-9a-f]+$/.test(suffix)) return undefined;
  const index = Number.parseInt(suffix, 16);
  return index < 2 ** bitLength ? index : undefined;
}

/** The hash prefixes of a classic bin: lower-case hex, all of the same width, ascending. */
export function hashPrefixesOf(bitLength: number, index: number): readonly string[] {
  checkIndex(bitLength, index);
  const width = hexWidth(bitLength);
  const perBin = 16 ** width / 2 ** bitLength;
  return Array.from({ length: perBin }, (_, i) => (index * perBin + i).toString(16).padStart(width, "0"));
}

/** Hex digits of the last index. */
function hexWidth(bitLength: number): number {
  return Math.ceil(bitLength / 4);
}

function checkBitLength(bitLength: number): void {
  if (!Number.isInteger(bitLength) || bitLength < 1 || bitLength > MAX_BIT_LENGTH) {
    throw new TufError("bins", `${bitLength} is no bit length: 1 to ${MAX_BIT_LENGTH} is`);
  }
}

function checkIndex(bitLength: number, index: number): void {
  checkBitLength(bitLength);
  if (!Number.isInteger(index) || index < 0 || index >= 2 ** bitLength) {
    throw new TufError("bins", `there is no bin ${index} among ${2 ** bitLength}`);
  }
}
