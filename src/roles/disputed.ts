// Paths about which clients do not agree whether a pattern takes them.
//
// python-tuf, go-tuf and we let `*` and `?` stand for any character. tuf-js matches each segment with
// minimatch, in which a wildcard at the beginning of a segment takes neither a leading dot nor an
// empty segment, and `?` takes one UTF-16 unit, not a code point above U+FFFF. An artifact must not
// depend on that: it goes only where all of them look for it.

/** Whether some client denies that `pattern` matches `path`, given that it does for the others. */
export function isMatchDisputed(pattern: string, path: string): boolean {
  if (!pattern.includes("*") && !pattern.includes("?")) return false;
  // What most paths are not: then no segment has to be looked at.
  if (!ODD.test(path)) return false;
  if (pattern.includes("?") && ASTRAL.test(path)) return true;
  const segments = path.split("/");
  return pattern.split("/").some((part, at) => {
    const segment = segments[at] ?? "";
    return isWild(part[0]) && (segment === "" || segment.startsWith("."));
  });
}

/** A segment that begins with a dot or is empty, or a character above U+FFFF. */
const ODD = /(?:^|\/)(?:\.|\/|$)|[\u{10000}-\u{10ffff}]/u;
const ASTRAL = /[\u{10000}-\u{10ffff}]/u;

const isWild = (character: string | undefined): boolean => character === "*" || character === "?";
