// Which of the open changes go into the next batch: all of them, unless batches died (rule 16).
//
// A batch that dies with its process twice is bisected: of the changes that died together, half
// is tried again, until one is alone. A change that dies alone three times is left for the plan
// to set aside.

import type { OpenChange } from "../ports/database.ts";

/** So many deaths of a batch before it is tried in halves. */
const DEATHS_BEFORE_BISECTION = 2;
const DEATHS_ALONE = 3;

/** `suspectsTurn` alternates: others go first, so that poison holds up nobody, and never for ever, so that it is found. */
export function chooseChanges(open: readonly OpenChange[], suspectsTurn: boolean): readonly OpenChange[] {
  const suspects = open.filter((change) => change.attempts >= DEATHS_BEFORE_BISECTION);
  if (suspects.length === 0) return open;
  const others = open.filter((change) => change.attempts < DEATHS_BEFORE_BISECTION);
  if (others.length > 0 && !suspectsTurn) return others;
  const worst = suspects.reduce((most, change) => Math.max(most, change.attempts), 0);
  const together = suspects.filter((change) => change.attempts === worst);
  return together.slice(0, Math.max(1, Math.floor(together.length / 2)));
}

/** Why a change is given up, or undefined while it deserves another try. */
export function poisonous(change: OpenChange): string | undefined {
  return change.attemptsAlone < DEATHS_ALONE ? undefined : `publishing it ended the process ${String(change.attemptsAlone)} times`;
}
