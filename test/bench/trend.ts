// Whether something stays level over the parts of a soak: its slope, beside a bound, in words.

import { median } from "./limits.ts";

export interface Level {
  readonly what: string;
  readonly unit: string;
  /** One for each part, in order. */
  readonly values: readonly number[];
  /** What it may grow by from the first part that counts to the last, as a part of what it is. */
  readonly bound: number;
  /** Less than that, in its unit, is no growth whatever it is a part of. */
  readonly least: number;
}

/** Parts at the beginning that do not count: caches fill up, and nothing is old enough to go yet. */
const WARMING = 2;

/**
 * How much `values` grow from the first to the last, by the median of the slopes between all pairs (Theil and Sen): a part
 * in which somebody else used the machine sways it little.
 */
export function growth(values: readonly number[]): number {
  const slopes = values.flatMap((later, j) => values.slice(0, j).map((earlier, i) => (later - earlier) / (j - i)));
  return slopes.length === 0 ? 0 : median(slopes) * (values.length - 1);
}

export interface Verdict {
  readonly flat: boolean;
  readonly words: string;
}

export function judged({ what, unit, values, bound, least }: Level): Verdict {
  const counted = values.slice(WARMING);
  const grew = growth(counted);
  const usual = median(counted);
  const part = grew / usual;
  const flat = grew <= least || part <= bound;
  const show = (value: number): string => `${value.toLocaleString("en", { maximumFractionDigits: Math.abs(value) < 100 ? 1 : 0 })} ${unit}`;
  return {
    flat,
    words: `${what}: ${flat ? "flat" : "**grows**"}: ${grew < 0 ? "fell" : "grew"} by ${show(Math.abs(grew))} (${(Math.abs(part) * 100).toFixed(0)} % of ${show(usual)}) from part ${String(WARMING + 1)} to part ${String(values.length)}; it may grow by ${(bound * 100).toFixed(0)} %, or ${show(least)}.`,
  };
}
