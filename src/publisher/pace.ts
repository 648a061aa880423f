// How much long work the next batch takes along (changes of an import, roles of a forced refresh), so that whoever adds
// one artifact meanwhile hardly notices.
//
// Where others may overtake it (overtake.ts) they still wait while its snapshot is made, and for its roles; so it is cut
// to four tenths of a second, by the measure of those before. While others have to wait for all of it, to a tenth of a second: where
// they may overtake, once somebody met its roles twice in two seconds (of 16,384 bins it has 400, and one such meeting
// is chance). Where nobody may overtake and nobody is there, a second. Each batch costs a snapshot, so fewer are better.

/** How long a batch with it takes: while others have to wait for it, while they overtake it, and while there are none; milliseconds. */
const WAITED_FOR_MS = 100;
const OVERTAKEN_MS = 400;
const ALONE_MS = 1_000;
/** So long after somebody waited nobody does. */
const FORGOTTEN_AFTER_MS = 5_000;
/** Who waits twice within it, where others may overtake, does not wait by chance. */
const CHANCE_MS = 2_000;
/**
 * Of what a new batch measured, so much counts. What says cheaper is believed sooner: a small batch spreads its snapshot over
 * few, so that the measure of the first ones is too high (from 64 roles at 0.3 it took twenty batches to reach what there was time for).
 */
const WEIGHT = { cheaper: 0.8, dearer: 0.3 } as const;

export class Pace {
  readonly #bounds: { readonly least: number; readonly most: number };
  #msEach: number | undefined;
  /** When somebody waited last, and when last not by chance. */
  #waited = Number.NEGATIVE_INFINITY;
  #lastWaited = Number.NEGATIVE_INFINITY;
  #isOvertaken = false;
  #lastWasOwn = false;

  /** However long they take, `least` are taken at a time, and never more than `most`. */
  constructor(bounds: { readonly least: number; readonly most: number }) {
    this.#bounds = bounds;
  }

  /** The last batch took of it: if others wait, they go first. */
  get othersFirst(): boolean {
    return this.#lastWasOwn;
  }

  /** How much to take now, `nowMs` by a clock that never goes back; `isOvertaken`: nobody waits for it who does not touch its roles. */
  take(nowMs: number, isOvertaken: boolean): number {
    const { least, most } = this.#bounds;
    this.#isOvertaken = isOvertaken;
    const targetMs = nowMs - this.#lastWaited < FORGOTTEN_AFTER_MS ? WAITED_FOR_MS : isOvertaken ? OVERTAKEN_MS : ALONE_MS;
    const fitting = this.#msEach === undefined ? least : targetMs / this.#msEach;
    return Math.floor(Math.min(most, Math.max(least, fitting)));
  }

  /** A batch was published, with `own` of the long work; others `waited` for it, or for their own turn. */
  published(batch: { readonly own: number; readonly waited: boolean; readonly tookMs: number; readonly nowMs: number }): void {
    const { own, waited, tookMs, nowMs } = batch;
    this.#lastWasOwn = own > 0;
    if (waited) {
      if (!this.#isOvertaken || nowMs - this.#waited < CHANCE_MS) this.#lastWaited = nowMs;
      this.#waited = nowMs;
    }
    if (own < this.#bounds.least / 2) return;
    const measured = Math.max(tookMs, 1) / own;
    const before = this.#msEach ?? measured;
    const weight = measured < before ? WEIGHT.cheaper : WEIGHT.dearer;
    this.#msEach = before + (measured - before) * weight;
  }
}
