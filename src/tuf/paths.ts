// The door's parsers for target paths, role names and path patterns.
//
// What passes means the same to every client (python-tuf, go-tuf, tuf-js, tough): paths
// are fetched under the same URL, patterns match the same paths, names make the same file
// name. Whatever one of them reads differently is refused here, with every fault listed.

import type { TopLevelRole } from "./documents.ts";
import { TufError } from "./errors.ts";
import { isRefusedMember } from "./json.ts";

declare const brand: unique symbol;

/** A target path that passed `parseTargetPath`. */
export type TargetPath = string & { readonly [brand]: "TargetPath" };
/** A delegated role's name that passed `parseRoleName`. */
export type RoleName = string & { readonly [brand]: "RoleName" };

/** In bytes of UTF-8; for patterns too. */
export const MAX_PATH_BYTES = 4096;
/** With version and ending it stays below the 255 bytes a file name may have. */
export const MAX_ROLE_NAME_LENGTH = 200;

export const TOP_LEVEL_ROLES: readonly TopLevelRole[] = ["root", "timestamp", "snapshot", "targets"];

export function isTopLevelRole(name: string): name is TopLevelRole {
  return (TOP_LEVEL_ROLES as readonly string[]).includes(name);
}

/**
 * A target path that every client fetches alike.
 * @throws TufError `target-path` naming every fault
 */
export function parseTargetPath(text: string): TargetPath {
  const faults = targetPathFaults(text);
  if (faults.length > 0) throw new TufError("target-path", `target path ${shown(text)} ${faults.join(", ")}`);
  return text as TargetPath;
}

/** Everything that is wrong with a target path; empty when it is right. */
export function targetPathFaults(text: string): readonly string[] {
  if (PLAIN.test(text) && text.length <= MAX_PATH_BYTES) return [];
  const faults = commonFaults(text);
  if (text.includes("?")) faults.push("contains ?");
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) faults.push("contains a % that begins no percent-encoding");
  if (isRefusedMember(text)) faults.push("is a name that is refused as a member");
  // tuf-js 6.0.2 looks a path up in a plain object and takes the inherited member for the target.
  else if (text in Object.prototype) faults.push("is a name that every object in JavaScript has");
  return faults;
}

/**
 * Nearly every path: two segments or more, of ASCII letters, digits and a few marks, none of which begins with a dot. None of the
 * faults above and below can lie in one. (0.4 microseconds instead of 3.4, which counts for a million.)
 */
const PLAIN = /^[A-Za-z0-9_+~@=,-][A-Za-z0-9_.+~@=,-]*(?:\/[A-Za-z0-9_+~@=,-][A-Za-z0-9_.+~@=,-]*)+$/;

/** What a path and a pattern may both not be. */
function commonFaults(text: string): string[] {
  if (text === "") return ["is empty"];
  const faults: string[] = [];
  if (text.startsWith("/")) faults.push("is absolute");
  if (text.endsWith("/")) faults.push("ends with /");
  const segments = text.split("/");
  if (segments.includes(".") || segments.includes("..")) faults.push("contains a . or .. segment");
  if (text.includes("\\")) faults.push("contains \\");
  if (text.includes("#")) faults.push("contains #");
  if (/\p{Cc}/u.test(text)) faults.push("contains a control character");
  if (!text.isWellFormed()) faults.push("contains half a surrogate pair");
  else if (text.normalize("NFC") !== text) faults.push("is not in Unicode normalisation form C");
  if (Buffer.byteLength(text) > MAX_PATH_BYTES) faults.push(`is longer than ${MAX_PATH_BYTES} bytes`);
  return faults;
}

/**
 * A delegated role's name: `[A-Za-z0-9_-]+`, not a top-level name in any case, not all
 * digits, at most 200 characters. That it is unique without regard to case, and outside the
 * bins' name space, is for the caller, who knows the others.
 * @throws TufError `role-name` naming every fault
 */
export function parseRoleName(text: string): RoleName {
  const faults = roleNameFaults(text);
  if (faults.length > 0) throw new TufError("role-name", `role name ${shown(text)} ${faults.join(", ")}`);
  return text as RoleName;
}

export function roleNameFaults(text: string): readonly string[] {
  if (text === "") return ["is empty"];
  const faults: string[] = [];
  if (!/^[A-Za-z0-9_-]+$/.test(text)) faults.push("contains more than letters, digits, - and _");
  if (isTopLevelRole(text.toLowerCase())) faults.push("is a top-level role's");
  if (/^[0-9]+$/.test(text)) faults.push("is all digits");
  if (isRefusedMember(text)) faults.push("is a name that is refused as a member");
  if (text.length > MAX_ROLE_NAME_LENGTH) faults.push(`is longer than ${MAX_ROLE_NAME_LENGTH} characters`);
  return faults;
}

/** Whether `name` lies where only bins may: `prefix-` and anything, without regard to case. */
export function isInBinNameSpace(prefix: string, name: string): boolean {
  const lower = name.toLowerCase();
  return lower === prefix.toLowerCase() || lower.startsWith(`${prefix.toLowerCase()}-`);
}

/**
 * A path pattern of literal text, `*` and `?`.
 * @throws TufError `path-pattern` naming every fault
 */
export function parsePattern(text: string): string {
  const faults = patternFaults(text);
  if (faults.length > 0) throw new TufError("path-pattern", `path pattern ${shown(text)} ${faults.join(", ")}`);
  return text;
}

export function patternFaults(text: string): readonly string[] {
  const faults = commonFaults(text);
  for (const character of "[]{}!") if (text.includes(character)) faults.push(`contains ${character}`);
  if (/[@+?*]\(/.test(text)) faults.push("contains an extended glob");
  if (text.includes("**")) faults.push("contains **");
  return faults;
}

/**
 * Whether `path` matches `pattern`: `*` any run of characters, `?` one code point, neither
 * crosses `/`; all else is literal and case counts. At most |pattern| · |path| steps.
 */
export function matchesPattern(pattern: string, path: string): boolean {
  let p = 0;
  let t = 0;
  // Where to go on when what follows the last `*` does not match: one character further.
  let starP = -1;
  let starT = 0;
  while (t < path.length) {
    const wanted = p < pattern.length ? pattern.charCodeAt(p) : -1;
    const found = path.charCodeAt(t);
    if (wanted === STAR) {
      starP = ++p;
      starT = t;
    } else if (wanted === QUESTION && found !== SLASH) {
      p++;
      t += widthAt(path, t);
    } else if (wanted === found && wanted !== QUESTION) {
      p++;
      t++;
    } else if (starP >= 0 && path.charCodeAt(starT) !== SLASH) {
      t = ++starT;
      p = starP;
    } else {
      return false;
    }
  }
  while (p < pattern.length && pattern.charCodeAt(p) === STAR) p++;
  return p === pattern.length;
}

const STAR = 0x2a;
const QUESTION = 0x3f;
const SLASH = 0x2f;

/** UTF-16 units of the code point at `index`. */
function widthAt(text: string, index: number): 1 | 2 {
  return (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
}

/** For an error message: quoted, escaped and cut. */
function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
