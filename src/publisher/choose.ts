// Which of the open changes go into the next batch: all of them, unless batches died (rule 16).
//
// A batch that dies with its process twice is bisected: of the changes that died together, half
// is tried again, until one is alone. A change that dies alone three times is left for the plan
// to set aside.
//
// Changes of one path stay in order whatever is chosen: none is published while an older one
// stays open, or the older one would later undo it. Held changes ride with the newer one that
// absorbs them.

import type { OpenChange } from "../ports/database.ts";

/** So many deaths of a batch before it is tried in halves. */
const DEATHS_BEFORE_BISECTION = 2;
const DEATHS_ALONE = 3;
/** More than halving any batch takes: a change that is never alone, because a held one rides with it, is given up as well. */
const DEATHS_IN_COMPANY = 25;

/** `suspectsTurn` alternates: others go first, so that poison holds up nobody, and never for ever, so that it is found. */
export function chooseChanges(open: readonly OpenChange[], suspectsTurn: boolean): readonly OpenChange[] {
  const publishable = open.filter((change) => !change.held);
  const suspects = publishable.filter((change) => change.attempts >= DEATHS_BEFORE_BISECTION);
  if (suspects.length === 0) return open;
  const others = withoutGaps(publishable, new Set(publishable.filter((change) => change.attempts < DEATHS_BEFORE_BISECTION)));
  if (others.size > 0 && !suspectsTurn) return withHeld(open, others);
  const worst = suspects.reduce((most, change) => Math.max(most, change.attempts), 0);
  const together = suspects.filter((change) => change.attempts === worst);
  const half = together.slice(0, Math.max(1, Math.floor(together.length / 2)));
  return withHeld(open, oldestFirst(publishable, new Set(half)));
}

/** Refreshes have no path, and no order among them. */
const pathOf = (change: OpenChange): string => (change.kind === "refresh" ? `#${String(change.id)}` : change.path);

/** Of `chosen`, those with no older open change of their path left out. */
function withoutGaps(publishable: readonly OpenChange[], chosen: ReadonlySet<OpenChange>): ReadonlySet<OpenChange> {
  const gaps = new Set<string>();
  const kept = new Set<OpenChange>();
  for (const change of publishable) {
    const path = pathOf(change);
    if (!chosen.has(change)) gaps.add(path);
    else if (!gaps.has(path)) kept.add(change);
  }
  return kept;
}

/** `chosen`, with the oldest of its path in the place of one that has to wait for it. */
function oldestFirst(publishable: readonly OpenChange[], chosen: ReadonlySet<OpenChange>): ReadonlySet<OpenChange> {
  const kept = new Set(withoutGaps(publishable, chosen));
  const waiting = new Set([...chosen].filter((change) => !kept.has(change)).map(pathOf));
  for (const change of publishable) {
    if (waiting.delete(pathOf(change))) kept.add(change);
  }
  return kept;
}

function withHeld(open: readonly OpenChange[], chosen: ReadonlySet<OpenChange>): readonly OpenChange[] {
  // By place in the order of acceptance: an import's numbers are older than it is.
  const last = new Map<string, number>();
  for (const [at, change] of open.entries()) if (chosen.has(change) && change.kind !== "refresh") last.set(change.path, at);
  return open.filter((change, at) => (change.held ? at < (last.get(change.path) ?? 0) : chosen.has(change)));
}

/** Why a change is given up, or undefined while it deserves another try. */
export function poisonous(change: OpenChange): string | undefined {
  const dead = change.attemptsAlone >= DEATHS_ALONE || change.attempts >= DEATHS_IN_COMPANY;
  if (!dead) return undefined;
  return `publishing it ended the process ${String(change.attemptsAlone >= DEATHS_ALONE ? change.attemptsAlone : change.attempts)} times`;
}
