// What waits for signatures, as the publisher looks at it every turn: documents are read when something about them changed.

import type { Database, SigningEvent } from "../ports/database.ts";

export class WaitingEvents {
  readonly #database: Pick<Database, "signingEvents" | "signingStamp">;
  #known: { readonly stamp: string; readonly events: readonly SigningEvent[] } = { stamp: "", events: [] };

  constructor(database: Pick<Database, "signingEvents" | "signingStamp">) {
    this.#database = database;
  }

  /** All of them, oldest first. */
  async all(): Promise<readonly SigningEvent[]> {
    // What happens between the two is read with the stamp of before, and once more the next time.
    const stamp = await this.#database.signingStamp();
    if (stamp !== this.#known.stamp) this.#known = { stamp, events: stamp === "" ? [] : await this.#database.signingEvents() };
    return this.#known.events;
  }
}
