// The door's parser for what is said of one target: length, hashes, custom.
//
// What passes gives the same canonical bytes in every client, so no later document that
// lists it can become unreadable to one of them (TUF specification 4.5).

import { canonicalString, compareCodePoints, ordersAgree } from "./canonical.ts";
import { HASH_ALGORITHMS } from "./crypto.ts";
import type { Json, JsonObject, TargetFile } from "./documents.ts";
import { TufError } from "./errors.ts";
import { isRefusedMember } from "./json.ts";

export interface TargetLimits {
  /** Bytes of the canonical form; 16,384 unless told. */
  readonly customBytes?: number;
}

export interface TargetFault {
  readonly code: "target-length" | "target-hash" | "target-custom";
  readonly at: readonly (string | number)[];
  readonly message: string;
}

export const DEFAULT_CUSTOM_BYTES = 16_384;
const MAX_HASHES = 32;
const MAX_CUSTOM_DEPTH = 32;

/**
 * The target, of the members `length`, `hashes` and `custom` alone, and its canonical JSON as
 * documents embed it.
 * @throws TufError with the first fault's code and place, and a message that names every fault
 */
export function parseTargetFile(value: Json, limits: TargetLimits = {}): { readonly target: TargetFile; readonly fragment: string } {
  const plain = plainTarget(value);
  if (plain !== undefined) return plain;
  const faults = targetFileFaults(value, limits);
  const [first] = faults;
  if (first !== undefined) {
    throw new TufError(first.code, faults.map((fault) => `${fault.at.join(".")}${fault.at.length > 0 ? " " : ""}${fault.message}`).join("; "), { at: first.at });
  }
  const { length, hashes, custom } = value as unknown as TargetFile;
  const target: TargetFile = custom === undefined ? { length, hashes } : { length, hashes, custom };
  return { target, fragment: canonicalString(target as unknown as JsonObject) };
}

/** Nearly every target: a length and its sha256, of which nothing can be wrong. (0.4 microseconds instead of 2.1, which counts for a million.) */
function plainTarget(value: Json): { readonly target: TargetFile; readonly fragment: string } | undefined {
  if (!isRecord(value) || value["custom"] !== undefined) return undefined;
  const { length, hashes } = value;
  if (typeof length !== "number" || !Number.isSafeInteger(length) || length < 0 || Object.is(length, -0)) return undefined;
  if (hashes === undefined || !isRecord(hashes)) return undefined;
  const sha256 = hashes["sha256"];
  if (typeof sha256 !== "string" || !SHA256.test(sha256) || Object.keys(hashes).length !== 1) return undefined;
  return { target: { length, hashes: { sha256 } }, fragment: `{"hashes":{"sha256":"${sha256}"},"length":${length}}` };
}

const SHA256 = /^[0-9a-f]{64}$/;

/** Everything that is wrong with a target; empty when it is right. At most one fault for `custom`. */
export function targetFileFaults(value: Json, limits: TargetLimits = {}): readonly TargetFault[] {
  if (!isRecord(value)) return [{ code: "target-length", at: [], message: "is no object" }];
  const faults: TargetFault[] = [];
  const length = value["length"];
  if (typeof length !== "number" || !Number.isSafeInteger(length) || length < 0 || Object.is(length, -0)) {
    faults.push({ code: "target-length", at: ["length"], message: "is no integer from 0 to 2^53-1" });
  }
  faults.push(...hashFaults(value["hashes"]));
  if (value["custom"] !== undefined) {
    const message = customFault(value["custom"], limits.customBytes ?? DEFAULT_CUSTOM_BYTES);
    if (message !== undefined) faults.push({ code: "target-custom", at: ["custom"], message });
  }
  return faults;
}

function hashFaults(value: Json | undefined): TargetFault[] {
  const fault = (at: readonly string[], message: string): TargetFault => ({ code: "target-hash", at: ["hashes", ...at], message });
  if (value === undefined || !isRecord(value)) return [fault([], "is no object")];
  const names = Object.keys(value);
  if (names.length > MAX_HASHES) return [fault([], `names more than ${MAX_HASHES} algorithms`)];
  const faults: TargetFault[] = [];
  for (const name of names) {
    const hex = value[name];
    const length = HASH_ALGORITHMS.get(name);
    if (length === undefined && !/^[A-Za-z0-9_.-]{1,64}$/.test(name)) faults.push(fault([name.slice(0, 64)], "is no name of a hash algorithm"));
    else if (isRefusedMember(name)) faults.push(fault([name], "is a name that is refused as a member"));
    else if (typeof hex !== "string") faults.push(fault([name], "is no string"));
    else if (!/^[0-9a-f]+$/.test(hex)) faults.push(fault([name], "is not lower-case hex"));
    else if (length !== undefined ? hex.length !== length : hex.length % 2 !== 0 || hex.length > 1024) {
      faults.push(fault([name], length === undefined ? "is no whole number of bytes, or too long" : `has ${hex.length} hex digits, ${name} has ${length}`));
    }
  }
  if (!names.some((name) => HASH_ALGORITHMS.has(name))) {
    faults.push(fault([], names.length === 0 ? "is empty" : "names no known algorithm"));
  }
  return faults;
}

/** What is wrong with `custom`, or undefined. */
function customFault(value: Json, maxBytes: number): string | undefined {
  if (!isRecord(value)) return "is no object";
  const fault = valueFault(value, 0);
  if (fault !== undefined) return fault;
  const bytes = Buffer.byteLength(canonicalString(value));
  return bytes > maxBytes ? `has ${bytes} bytes in canonical form, at most ${maxBytes} are accepted` : undefined;
}

/** Why not every client would make the same canonical bytes of `value`, which `contains …`, `has …` or `is …` that; undefined: all do. */
export const portabilityFault = (value: JsonObject): string | undefined => valueFault(value, 0);

function valueFault(value: Json, depth: number): string | undefined {
  if (value === null) return "contains null";
  if (typeof value === "string") return textFault(value);
  if (typeof value === "number") return Number.isSafeInteger(value) && !Object.is(value, -0) ? undefined : "contains a number that is no integer within 2^53-1";
  if (typeof value === "boolean") return undefined;
  if (typeof value !== "object") return "contains what is no JSON value";
  if (depth >= MAX_CUSTOM_DEPTH) return `is nested deeper than ${MAX_CUSTOM_DEPTH} levels`;
  for (const item of Object.values(value)) {
    const fault = valueFault(item, depth + 1);
    if (fault !== undefined) return fault;
  }
  if (Array.isArray(value)) return undefined;
  const names = Object.keys(value);
  for (const name of names) {
    const fault = isRefusedMember(name) ? "contains a member with a refused name" : textFault(name);
    if (fault !== undefined) return fault;
  }
  // One client sorts UTF-16 units, the others code points.
  return ordersAgree(names.sort(compareCodePoints)) ? undefined : "has members whose order clients disagree about";
}

function textFault(text: string): string | undefined {
  if (!text.isWellFormed()) return "contains half a surrogate pair";
  // One client normalises before it verifies.
  return text.normalize("NFC") === text ? undefined : "contains text that is not in Unicode normalisation form C";
}

function isRecord(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
