// How much long work the next batch takes along (changes of an import, roles of a forced refresh), so that whoever adds
// one artifact meanwhile hardly notices.
//
// While others publish, its part of a batch is cut to a tenth of a second, by the measure of those before; alone it gets
// a second, or as much as a batch may hold.

/** How long a batch with it takes: beside others, and alone; milliseconds. */
const BESIDE_MS = 100;
const ALONE_MS = 1_000;
/** So long after the last change of somebody else it counts as alone. */
const ALONE_AFTER_MS = 5_000;
/**
 * Of what a new batch measured, so much counts. What says cheaper is believed sooner: a small batch spreads its snapshot over
 * few, so that the measure of the first ones is too high (from 64 roles at 0.3 it took twenty batches to reach a second).
 */
const WEIGHT = { cheaper: 0.8, dearer: 0.3 } as const;

export class Pace {
  readonly #bounds: { readonly least: number; readonly most: number };
  #msEach: number | undefined;
  #lastOther = Number.NEGATIVE_INFINITY;
  #lastWasOwn = false;

  /** However long they take, `least` are taken at a time, and never more than `most`. */
  constructor(bounds: { readonly least: number; readonly most: number }) {
    this.#bounds = bounds;
  }

  /** The last batch took of it: if others wait, they go first. */
  get othersFirst(): boolean {
    return this.#lastWasOwn;
  }

  /** How much to take now, `nowMs` by a clock that never goes back. */
  take(nowMs: number): number {
    const { least, most } = this.#bounds;
    const targetMs = nowMs - this.#lastOther < ALONE_AFTER_MS ? BESIDE_MS : ALONE_MS;
    const fitting = this.#msEach === undefined ? least : targetMs / this.#msEach;
    return Math.floor(Math.min(most, Math.max(least, fitting)));
  }

  /** A batch was published, with `own` of the long work, and changes of others. */
  published(batch: { readonly own: number; readonly others: number; readonly tookMs: number; readonly nowMs: number }): void {
    const { own, others, tookMs, nowMs } = batch;
    this.#lastWasOwn = own > 0;
    if (others > 0) this.#lastOther = nowMs;
    if (own < this.#bounds.least / 2) return;
    const measured = Math.max(tookMs, 1) / own;
    const before = this.#msEach ?? measured;
    const weight = measured < before ? WEIGHT.cheaper : WEIGHT.dearer;
    this.#msEach = before + (measured - before) * weight;
  }
}
