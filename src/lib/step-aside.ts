// Long work steps aside while somebody's short work goes on, and is not kept for ever.
//
// Short work comes as a chain of small steps: between two of them it looks as if nobody were there, and long work that
// went on at once would be met by the next step. So it waits until it has been quiet for a while.

export class StepAside {
  readonly #quietMs: number;
  readonly #mostMs: number;
  readonly #lingerMs: number;
  #until = Number.NEGATIVE_INFINITY;
  #end = Number.NEGATIVE_INFINITY;

  /**
   * Until nothing has come for `quietMs`, or `lingerMs` after the last step, `mostMs` at most; then long work has as long,
   * whoever comes.
   */
  constructor({ quietMs, mostMs, lingerMs = 0 }: { readonly quietMs: number; readonly mostMs: number; readonly lingerMs?: number }) {
    this.#quietMs = quietMs;
    this.#mostMs = mostMs;
    this.#lingerMs = lingerMs;
  }

  /** Short work begins, `nowMs` by a clock that never goes back. */
  begins(nowMs: number): void {
    if (nowMs >= this.#end + this.#mostMs) this.#end = nowMs + this.#mostMs;
    this.goesOn(nowMs);
  }

  /** A step of it. */
  goesOn(nowMs: number): void {
    this.#until = Math.min(nowMs + this.#quietMs, this.#end);
  }

  /** The last step of it: whoever it was for looks at what came of it, and then long work goes on. */
  ends(nowMs: number): void {
    this.#until = Math.min(nowMs + this.#lingerMs, this.#end);
  }

  /** Whether it may go on; long work that has begun by then need not be for its sake. */
  isOn(nowMs: number): boolean {
    return nowMs < this.#end;
  }

  /** For how long long work stands aside, milliseconds; 0: not at all. */
  leftMs(nowMs: number): number {
    return Math.max(0, this.#until - nowMs);
  }
}
