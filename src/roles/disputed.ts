// Whether a pattern takes a path, as all clients see it.
//
// python-tuf, go-tuf and we let `*` and `?` stand for any character. tuf-js matches each segment with
// minimatch, in which a wildcard at the beginning of a segment takes neither a leading dot nor an
// empty segment, and `?` takes one UTF-16 unit, not a code point above U+FFFF. An artifact must not
// depend on that: it goes only where all of them look for it.

import { matchesPattern } from "../tuf/paths.ts";

export type Match = "yes" | "no" | "disputed";

export function matchByAll(pattern: string, path: string): Match {
  const ours = matchesPattern(pattern, path);
  // What most paths are not: then no segment has to be looked at.
  if (!ODD.test(path) || !/[*?]/.test(pattern)) return ours ? "yes" : "no";
  const segments = path.split("/");
  const parts = pattern.split("/");
  if (parts.length !== segments.length) return ours ? "disputed" : "no";
  if (pattern.includes("?") && ASTRAL.test(path)) return "disputed";
  if (!ours) return "no";
  return parts.some((part, at) => isWild(part[0]) && /^(?:\.|$)/.test(segments[at] ?? "")) ? "disputed" : "yes";
}

/** A segment that begins with a dot or is empty, or a character above U+FFFF. */
const ODD = /(?:^|\/)(?:\.|\/|$)|[\u{10000}-\u{10ffff}]/u;
const ASTRAL = /[\u{10000}-\u{10ffff}]/u;

const isWild = (character: string | undefined): boolean => character === "*" || character === "?";
