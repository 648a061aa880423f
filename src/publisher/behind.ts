// Folding behind: the rows of what was published follow while the next batch is pressed.
//
// An import, or a refresh of everything, goes in slices that touch roles of their own, so that the next one need not wait
// for the rows of the last: the database is busy with these, and this thread and the disk with the next files. Whoever
// needs a role that is on its way waits, and so does the commit of the next batch of this kind. One of a few roles that
// overtakes (overtake.ts) goes between them without waiting, and its rows follow, too.

export class Behind {
  #roles: ReadonlySet<string> = new Set();
  #folding: Promise<void> | undefined;

  /** `folding` brings the rows of these roles, beside those that are on the way. Its failure is told to whoever waits next. */
  begin(roles: Iterable<string>, folding: Promise<void>): void {
    const all = this.#folding === undefined ? folding : Promise.all([this.#folding, folding]).then(() => undefined);
    all.catch(() => undefined);
    this.#roles = new Set([...this.#roles, ...roles]);
    this.#folding = all;
  }

  /** Waits until the rows of these roles say what was published. @throws what folding threw */
  async passed(roles: Iterable<string>): Promise<void> {
    for (const role of roles) if (this.#roles.has(role)) return this.ended();
  }

  /** Waits until all rows do. @throws what folding threw */
  async ended(): Promise<void> {
    const folding = this.#folding;
    if (folding === undefined) return;
    try {
      await folding;
    } finally {
      if (this.#folding === folding) {
        this.#folding = undefined;
        this.#roles = new Set();
      }
    }
  }
}
