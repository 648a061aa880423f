// The role that takes what no custom role takes, and delegates it to the repository's bins.
//
// A delegations object holds roles or succinct bins, never both, so that targets lists custom roles and
// last this one, which carries the bins. What it takes must be said in patterns that python-tuf, go-tuf
// and tuf-js read alike: none crosses `/`, and a wildcard at the beginning of a segment takes no leading
// dot in tuf-js. Hence one pattern for each number of segments, and for each choice of those that begin
// with a dot, within bounds (ADR 0012). A path beyond them has no owner and is refused at the door.

import type { DelegatedRole, Delegations, RoleKeys } from "../tuf/documents.ts";

export const CATCH_ALL = "catch-all";

/** Of a path in a repository that has custom roles and bins: segments, and how many of them may begin with a dot. */
export const CATCH_ALL_LIMITS = { segments: 16, dotSegments: 2 } as const;

function* patterns(): Generator<string> {
  const { segments: most, dotSegments } = CATCH_ALL_LIMITS;
  for (let count = 1; count <= most; count++) yield* spelled([], count, dotSegments);
}

function* spelled(before: readonly string[], count: number, dots: number): Generator<string> {
  if (before.length === count) {
    yield before.join("/");
    return;
  }
  yield* spelled([...before, "*"], count, dots);
  if (dots > 0) yield* spelled([...before, ".*"], count, dots - 1);
}

const PATTERNS: readonly string[] = [...patterns()];

/** Signed as the bins are. */
export function catchAll({ keyids, threshold }: RoleKeys): DelegatedRole {
  return { name: CATCH_ALL, keyids, threshold, terminating: true, paths: PATTERNS };
}

/** Whether the role takes exactly what no other role takes: thousands of patterns, which nobody can read. */
export const isCatchAll = ({ name, paths }: DelegatedRole): boolean => name === CATCH_ALL && paths?.length === PATTERNS.length && paths.every((path, at) => path === PATTERNS[at]);

/** What targets and the catch-all say when `bins` move from the one below the other. */
export function behindCatchAll(bins: Delegations): { readonly top: Delegations; readonly bins: Delegations } {
  const { succinct_roles: succinct } = bins;
  if (succinct === undefined) throw new Error("only succinct bins need a role of their own");
  return { top: { keys: bins.keys, roles: [catchAll(succinct)] }, bins };
}
