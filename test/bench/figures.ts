// A figure: what was measured of what, beside its budget and the limit of the same run; and how two runs compare.

import { median, quantile } from "./limits.ts";

export interface Figure {
  readonly row: string;
  /** Where state and metadata lay. */
  readonly place: string;
  /** What was varied, and where it stood. */
  readonly factor?: string;
  readonly x?: number;
  readonly unit: "ms" | "MiB" | "bytes" | "requests" | "files";
  readonly median: number;
  readonly p95: number;
  /** In order of measurement; of many an even choice. */
  readonly samples: readonly number[];
  /** How many there were. */
  readonly count: number;
  /** CPU time of the service, all threads, per sample, milliseconds: it says more than the clock on a busy machine. */
  readonly cpuMs?: number;
  readonly budget?: number;
  readonly budgetP95?: number;
  /** What this machine could do at best, measured in the same run. */
  readonly limit?: number;
}

const KEPT = 200;

export function figure(place: string, row: string, values: readonly number[], rest: Partial<Figure> = {}): Figure {
  const step = Math.max(1, values.length / KEPT);
  const samples = Array.from({ length: Math.min(values.length, KEPT) }, (_, i) => round(values[Math.floor(i * step)] ?? 0));
  return { row, place, unit: "ms", median: round(median(values)), p95: round(quantile(values, 0.95)), samples, count: values.length, ...rest };
}

const round = (value: number): number => Number(value.toPrecision(5));

export type Verdict = "slower" | "faster" | "same";

/** Beside that much of a difference in the medians nothing is said, however sure it is. */
const LEAST = 0.1;
/** So many standard deviations of the rank sum: by chance one comparison in three hundred. */
const SURE = 3;
/** Where there are too few samples to tell chance, a difference must be as large as this. */
const FEW = { samples: 6, difference: 0.5 } as const;

/**
 * Whether `now` differs from `before` by more than noise: by the rank sum of the samples (Mann and Whitney), which one
 * slow sample does not sway, and by a tenth of the median. A machine that was slower altogether shows in the limits:
 * both runs are set in proportion to theirs first, where they have one.
 */
export function compared(before: Figure, now: Figure): Verdict {
  const pace = before.limit === undefined || now.limit === undefined || before.unit !== "ms" ? 1 : now.limit / before.limit;
  // Only a machine that was slower excuses: a faster one does not make a fault.
  const excused = Math.max(1, pace);
  const old = before.samples.map((value) => value * excused);
  const difference = now.median - before.median * excused;
  const least = before.median * (Math.min(old.length, now.samples.length) < FEW.samples ? FEW.difference : LEAST);
  if (Math.abs(difference) <= least || (old.length >= FEW.samples && now.samples.length >= FEW.samples && Math.abs(rankDeviation(old, now.samples)) < SURE)) return "same";
  return difference > 0 ? "slower" : "faster";
}

/** How many standard deviations the rank sum of `b` lies above what chance gives. */
function rankDeviation(a: readonly number[], b: readonly number[]): number {
  let above = 0;
  for (const y of b) for (const x of a) above += y > x ? 1 : y === x ? 0.5 : 0;
  const pairs = a.length * b.length;
  return (above - pairs / 2) / Math.sqrt((pairs * (a.length + b.length + 1)) / 12);
}

export const nameOf = ({ place, row, factor, x }: Figure): string => `${place}: ${row}${factor === undefined ? "" : `, ${factor} ${String(x)}`}`;
