import type { CliContext } from "../../cli/context.ts";
import { Progress as Drawn } from "../../cli/output/progress.ts";

/** Work in several parts, each counted in units of its own, shown as all long work of this program is. */
export class Progress {
  readonly #context: CliContext;
  readonly #silent: boolean;
  readonly #label: string;
  #unit = "";
  #drawn: Drawn | undefined;

  constructor(context: CliContext, silent: boolean, label: string) {
    this.#context = context;
    this.#silent = silent;
    this.#label = label;
  }

  /** @param total undefined: not known */
  update(done: number, total: number | undefined, unit: string): void {
    if (unit !== this.#unit || this.#drawn === undefined) {
      this.clear();
      this.#unit = unit;
      this.#drawn = new Drawn(this.#context, { label: this.#label, unit, silent: this.#silent });
    }
    this.#drawn.update(done, total);
  }

  clear(): void {
    this.#drawn?.clear();
    this.#drawn = undefined;
  }
}
