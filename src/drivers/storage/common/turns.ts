import type { Rest } from "../../../ports/rest.ts";

/** At most `limit` pieces of work at once; the others wait in order. */
export class Turns {
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    try {
      return await work();
    } finally {
      // The turn passes on directly, so a newcomer cannot slip in between.
      const next = this.#waiting.shift();
      if (next !== undefined) next();
      else this.#running -= 1;
    }
  }

  /**
   * `work` on every item. After the first error no new piece begins; rejects with it
   * when all that began have ended, so nothing goes on behind the caller's back. `rest` is awaited before each, outside of its turn.
   */
  async each<T>(items: readonly T[], work: (item: T, index: number) => Promise<void>, rest?: Rest): Promise<void> {
    let at = 0;
    const failures: unknown[] = [];
    const runner = async (): Promise<void> => {
      while (at < items.length && failures.length === 0) {
        const index = at;
        at += 1;
        await rest?.();
        try {
          await this.run(() => work(items[index] as T, index));
        } catch (error) {
          failures.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.#limit, items.length) }, runner));
    if (failures.length > 0) throw failures[0];
  }
}
