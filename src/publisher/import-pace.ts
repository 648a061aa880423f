// How much of an import the next batch takes, so that whoever adds one artifact meanwhile hardly notices.
//
// While others publish, batches of an import alternate with batches of theirs and are cut to a tenth of a
// second, by the measure of those before; alone an import gets as much as a batch may hold.

/** How long a batch of an import takes: beside others, and alone; milliseconds. */
const BESIDE_MS = 100;
const ALONE_MS = 1_000;
/** So long after the last change of somebody else an import counts as alone. */
const ALONE_AFTER_MS = 5_000;
const LEAST = 256;
/** Of what a new batch measured, so much counts. */
const WEIGHT = 0.3;

export class ImportPace {
  readonly #mostChanges: number;
  #msPerChange: number | undefined;
  #lastOther = Number.NEGATIVE_INFINITY;
  #lastWasImport = false;

  constructor(mostChanges: number) {
    this.#mostChanges = mostChanges;
  }

  /** The last batch took from an import: if others wait, they go first. */
  get othersFirst(): boolean {
    return this.#lastWasImport;
  }

  /** How many changes of an import to take now, `nowMs` by a clock that never goes back. */
  take(nowMs: number): number {
    const targetMs = nowMs - this.#lastOther < ALONE_AFTER_MS ? BESIDE_MS : ALONE_MS;
    const fitting = this.#msPerChange === undefined ? LEAST : targetMs / this.#msPerChange;
    return Math.floor(Math.min(this.#mostChanges, Math.max(LEAST, fitting)));
  }

  /** A batch was published. */
  published(batch: { readonly imported: number; readonly others: number; readonly tookMs: number; readonly nowMs: number }): void {
    const { imported, others, tookMs, nowMs } = batch;
    this.#lastWasImport = imported > 0;
    if (others > 0) this.#lastOther = nowMs;
    if (imported < LEAST / 2) return;
    const measured = Math.max(tookMs, 1) / imported;
    this.#msPerChange = this.#msPerChange === undefined ? measured : this.#msPerChange * (1 - WEIGHT) + measured * WEIGHT;
  }
}
