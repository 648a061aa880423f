// Long work, seen while it goes on: on a terminal one line drawn over itself, with rate and
// time left; elsewhere a line every ten seconds, so that a log shows that it is alive. On
// stderr, and not at all when silent.

import type { CliContext } from "../context.ts";
import { printable } from "../printable.ts";
import { bytes, clockTime, number } from "./words.ts";
import { cut, padEnd } from "./width.ts";

export interface ProgressOptions {
  /** What is being done, `hello.txt` or `uploading`. */
  readonly label: string;
  /** `bytes` are told as kB, MB …; anything else is a plural, `artifacts`. */
  readonly unit: string;
  /** How much there is, when that is known. */
  readonly total?: number | undefined;
  /** So much was done before; it counts for no rate. */
  readonly from?: number;
  readonly silent?: boolean;
  /** Less than so much in all is not shown. */
  readonly atLeast?: number;
}

const EVERY_MS = 200;
const LOG_EVERY_MS = 10_000;
/** A rate over less is noise. */
const RATE_AFTER_MS = 1_000;
const BAR_COLUMNS = 20;
const CLEAR_LINE = "\r\u001b[K";

export class Progress {
  readonly #context: CliContext;
  readonly #options: ProgressOptions;
  readonly #startMs: number;
  #total: number | undefined;
  #lastMs: number;
  #drawn = false;

  constructor(context: CliContext, options: ProgressOptions) {
    this.#context = context;
    this.#options = options;
    this.#total = options.total;
    this.#startMs = context.clock.monotonic();
    this.#lastMs = this.#startMs - (context.isTty ? EVERY_MS : 0);
  }

  /** So much is done, of so much if that is known by now. Cheap: most calls draw nothing. */
  update(done: number, total = this.#total): void {
    this.#total = total;
    if (this.#options.silent === true || (total ?? Number.POSITIVE_INFINITY) < (this.#options.atLeast ?? 0)) return;
    const now = this.#context.clock.monotonic();
    if (now - this.#lastMs < (this.#context.isTty ? EVERY_MS : LOG_EVERY_MS)) return;
    this.#lastMs = now;
    const line = this.#line(done, now - this.#startMs);
    this.#context.stderr.write(this.#context.isTty ? CLEAR_LINE + line : `${line}\n`);
    this.#drawn = this.#context.isTty;
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#drawn) this.#context.stderr.write(CLEAR_LINE);
    this.#drawn = false;
  }

  #line(done: number, elapsedMs: number): string {
    const { label, unit } = this.#options;
    const total = this.#total;
    const amount = (n: number): string => (unit === "bytes" ? bytes(n) : number(n));
    const parts = [total === undefined ? `${amount(done)}${unit === "bytes" ? "" : ` ${unit}`}` : `${amount(done)} of ${amount(total)}${unit === "bytes" ? "" : ` ${unit}`}`];
    const fresh = done - (this.#options.from ?? 0);
    if (elapsedMs >= RATE_AFTER_MS && fresh > 0) {
      const perSecond = fresh / (elapsedMs / 1000);
      parts.push(`${unit === "bytes" ? bytes(perSecond) : number(Math.round(perSecond))}/s`);
      if (total !== undefined && total > done) parts.push(`${clockTime(((total - done) / perSecond) * 1000)} left`);
    }
    const told = parts.join(", ");
    const short = (before: string): string => (this.#context.isTty ? cut(printable(label), Math.max(8, this.#context.columns() - 1 - before.length)) : printable(label));
    if (total === undefined || total <= 0) return `${short(told)}  ${told}`;
    const share = Math.min(1, done / total);
    const percent = `${Math.floor(share * 100)} %`.padStart(5);
    const bar = `[${padEnd("=".repeat(Math.floor(share * BAR_COLUMNS)), BAR_COLUMNS)}]${percent}  ${told}  `;
    return this.#context.isTty ? bar + short(bar) : `${short("")}: ${percent.trim()}, ${told}`;
  }
}
