// What engines say alike of the queue: changes in their places, and the imports behind them.

import type { OpenChange } from "../../../ports/database.ts";

export interface Placed {
  /** The task's place in the order of acceptance. */
  readonly task: number;
  readonly change: OpenChange;
}

/** An import of which changes wait, or are not folded yet. */
export interface Import {
  /** The task's place in the order of acceptance, and its id. */
  readonly task: number;
  readonly id: string;
  /** How many of its changes are not folded; about how many wait. */
  readonly open: number;
  readonly runs: readonly number[];
}

/** So many places at least are one bin: of 16,384. */
export const SMALLEST_BIN = 2 ** 18;
/** More than is asked for is taken when it is not much. */
export const SPARE = 1_000;

/** In order of acceptance. */
export const inOrder = (placed: Iterable<Placed>): readonly OpenChange[] =>
  [...placed].sort((a, b) => a.task - b.task || a.change.id - b.change.id).map(({ change }) => change);
