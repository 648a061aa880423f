// Long work, seen while it goes on: on a terminal one line drawn over itself, with rate and
// time left; elsewhere a line every ten seconds, so that a log shows that it is alive. On
// stderr, and not at all when silent.

import type { CliContext } from "../context.ts";
import { printable } from "../printable.ts";
import { bytes, clockTime, number } from "./words.ts";
import { cut, padEnd, widthOf } from "./width.ts";

export interface ProgressOptions {
  /** What is being done, `hello.txt` or `uploading`. */
  readonly label: string;
  /** `bytes` are told as kB, MB …; anything else is a plural, `artifacts`. */
  readonly unit: string;
  /** How much there is, when that is known. */
  readonly total?: number | undefined;
  /** The total is a guess from what was read so far, and said to be one. */
  readonly isGuess?: boolean;
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
/** And over more it is history: work of hours slows down, stands still, and goes on. */
const RATE_OVER_MS = 60_000;
const MARK_EVERY_MS = 1_000;
const BAR_COLUMNS = 20;
const LEAST_BAR_COLUMNS = 5;
/** So much of a label stays beside a bar. */
const LABEL_COLUMNS = 8;
const CLEAR_LINE = "\r\u001b[K";

export class Progress {
  readonly #context: CliContext;
  readonly #options: ProgressOptions;
  readonly #startMs: number;
  /** How much was done when, over the last minute; the oldest first. */
  readonly #marks: { readonly ms: number; readonly done: number }[];
  #total: number | undefined;
  #lastMs: number;
  #drawn = false;
  #bar = BAR_COLUMNS;

  constructor(context: CliContext, options: ProgressOptions) {
    this.#context = context;
    this.#options = options;
    this.#total = options.total;
    this.#startMs = context.clock.monotonic();
    this.#marks = [{ ms: this.#startMs, done: options.from ?? 0 }];
    this.#lastMs = this.#startMs - (context.isTty ? EVERY_MS : 0);
  }

  /** So much is done, of so much if that is known by now. Cheap: most calls draw nothing. */
  update(done: number, total = this.#total): void {
    this.#total = total;
    if (this.#options.silent === true || (total ?? Number.POSITIVE_INFINITY) < (this.#options.atLeast ?? 0)) return;
    const now = this.#context.clock.monotonic();
    if (now - this.#lastMs < (this.#context.isTty ? EVERY_MS : LOG_EVERY_MS)) return;
    this.#lastMs = now;
    while (this.#marks.length > 1 && (this.#marks[1]?.ms ?? now) <= now - RATE_OVER_MS) this.#marks.shift();
    const line = this.#line(done, now);
    if (now - (this.#marks.at(-1)?.ms ?? 0) >= MARK_EVERY_MS) this.#marks.push({ ms: now, done });
    this.#context.stderr.write(this.#context.isTty ? CLEAR_LINE + line : `${line}\n`);
    this.#drawn = this.#context.isTty;
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#drawn) this.#context.stderr.write(CLEAR_LINE);
    this.#drawn = false;
  }

  #line(done: number, now: number): string {
    const { label, unit } = this.#options;
    const total = this.#total;
    const amount = (n: number): string => (unit === "bytes" ? bytes(n) : number(n));
    const parts = [total === undefined ? `${amount(done)}${unit === "bytes" ? "" : ` ${unit}`}` : `${amount(done)} of ${this.#options.isGuess === true && total > done ? `~${amount(Number(total.toPrecision(3)))}` : amount(total)}${unit === "bytes" ? "" : ` ${unit}`}`];
    const [since = { ms: this.#startMs, done: 0 }] = this.#marks;
    const [elapsedMs, fresh] = [now - since.ms, done - since.done];
    if (elapsedMs >= RATE_AFTER_MS && fresh > 0) {
      const perSecond = fresh / (elapsedMs / 1000);
      parts.push(`${unit === "bytes" ? bytes(perSecond) : number(Math.round(perSecond))}/s`);
      if (total !== undefined && total > done) parts.push(`${clockTime(((total - done) / perSecond) * 1000)} left`);
    } else if (elapsedMs >= RATE_OVER_MS) parts.push("nothing for a minute");
    const told = parts.join(", ");
    const percent = total === undefined || total <= 0 ? undefined : Math.floor(Math.min(1, done / total) * 100);
    if (this.#context.isTty) return this.#onOneLine(printable(label), told, percent, this.#context.columns() - 1);
    return percent === undefined ? `${printable(label)}  ${told}` : `${printable(label)}: ${percent} %, ${told}`;
  }

  /** A line that is wider than the screen could not be wiped: first the bar gives way, then the label. */
  #onOneLine(label: string, told: string, percent: number | undefined, columns: number): string {
    if (percent === undefined) return cut(`${cut(label, Math.max(LABEL_COLUMNS, columns - told.length - 2))}  ${told}`, columns);
    const fixed = `${`${percent} %`.padStart(5)}  ${told}`;
    const forLabel = Math.min(widthOf(label), LABEL_COLUMNS) + 2;
    // It never grows back: a bar whose end moves to and fro says nothing.
    this.#bar = Math.min(this.#bar, columns - fixed.length - forLabel - 2);
    const drawn = this.#bar < LEAST_BAR_COLUMNS ? "" : `[${padEnd("=".repeat(Math.floor((percent / 100) * this.#bar)), this.#bar)}]`;
    const rest = columns - drawn.length - fixed.length - 2;
    return cut(rest < forLabel - 2 ? drawn + fixed : `${drawn}${fixed}  ${cut(label, rest)}`, columns);
  }
}
