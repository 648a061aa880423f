import type { CliContext } from "../../cli/context.ts";

const EVERY_MS = 200;
const CLEAR_LINE = "\r\u001b[K";

/** On a terminal: one line, drawn over itself. */
export class Progress {
  readonly #context: CliContext;
  readonly #silent: boolean;
  #drawnMs = Number.NEGATIVE_INFINITY;
  #drawn = false;

  constructor(context: CliContext, silent: boolean) {
    this.#context = context;
    this.#silent = silent || !context.isTty;
  }

  draw(text: string): void {
    if (this.#silent) return;
    const now = this.#context.clock.monotonic();
    if (now - this.#drawnMs < EVERY_MS) return;
    this.#drawnMs = now;
    this.#drawn = true;
    this.#context.stderr.write(`${CLEAR_LINE}${text}`);
  }

  clear(): void {
    if (this.#drawn) this.#context.stderr.write(CLEAR_LINE);
    this.#drawn = false;
  }
}
