// Folding behind: the rows of what was published follow while the next batch is pressed.
//
// An import, or a refresh of everything, goes in slices that touch roles of their own, so that the next one need not wait
// for the rows of the last: the database is busy with these, and this thread and the disk with the next files. Whoever
// needs a role that is on its way waits, and so does the commit of the next batch of this kind. One of a few roles that
// overtakes (overtake.ts) goes between them without waiting, and its rows follow, too; while it is published, folding rests:
// it would wait for a slice, in the database, at each of its steps.

export class Behind {
  #roles: ReadonlySet<string> = new Set();
  #folding: Promise<void> | undefined;
  #rests: PromiseWithResolvers<void> | undefined;
  #awaited = 0;

  /** Folding rests from now on, unless somebody waits for it. */
  rest(): void {
    this.#rests ??= Promise.withResolvers();
  }

  goOn(): void {
    this.#rests?.resolve();
    this.#rests = undefined;
  }

  /** Before each slice. */
  async turn(): Promise<void> {
    while (this.#rests !== undefined && this.#awaited === 0) await this.#rests.promise;
  }

  /** `fold` brings the rows of these roles, once those that are on the way are there. Its failure is told to whoever waits next. */
  begin(roles: Iterable<string>, fold: () => Promise<void>): void {
    const folding = this.#folding === undefined ? fold() : this.#folding.then(fold);
    folding.catch(() => undefined);
    this.#roles = new Set([...this.#roles, ...roles]);
    this.#folding = folding;
  }

  /** Waits until the rows of these roles say what was published. @throws what folding threw */
  async passed(roles: Iterable<string>): Promise<void> {
    for (const role of roles) if (this.#roles.has(role)) return this.ended();
  }

  /** Waits until all rows do, and nothing rests meanwhile. @throws what folding threw */
  async ended(): Promise<void> {
    if (this.#folding === undefined) return;
    this.#awaited += 1;
    this.goOn();
    try {
      await this.settled();
    } finally {
      this.#awaited -= 1;
    }
  }

  /** The same, as long as it takes. */
  async settled(): Promise<void> {
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

  /** Whether somebody waits for them. */
  get isAwaited(): boolean {
    return this.#awaited > 0;
  }

  /** Whether rows are on their way. */
  get isBusy(): boolean {
    return this.#folding !== undefined;
  }
}
