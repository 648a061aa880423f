// A forced refresh of many roles: a few at a time, on the batches of everybody else, so that nobody waits for all of them.
//
// Which of its roles are done is seen by their versions: all come from one counter (promise 2), so that what lies above
// the highest there was when the round began was pressed later. That mark is kept in memory; after a restart or a
// take-over the round begins anew, which costs signatures and harms nobody. The change itself goes with the last of its
// roles, and so does the end of its task.

import type { OpenChange } from "../ports/database.ts";
import type { Head } from "./head.ts";
import { Pace } from "./pace.ts";
import { pressedBy } from "./plan.ts";

/** A slice costs a snapshot and a flush of the disk: of fewer roles these would be the most of it. */
const LEAST_ROLES = 64;

export interface Round {
  /** The open changes without those whose roles do not fit yet. */
  readonly open: readonly OpenChange[];
  /** Roles to press for those. */
  readonly roles: readonly string[];
  /** Of refreshes that end with this batch, the roles that are left. */
  readonly last: ReadonlyMap<number, readonly string[]>;
}

export class Rounds {
  readonly #pace = new Pace({ least: LEAST_ROLES, most: Number.MAX_SAFE_INTEGER });
  /** By change, the highest version when it was seen first. */
  #begun = new Map<number, number>();

  /** The next slice. `nowMs` by a clock that never goes back. */
  next({ tree, book }: Pick<Head, "tree" | "book">, open: readonly OpenChange[], people: Pick<ReadonlySet<string>, "has">, nowMs: number): Round {
    const roles = new Set<string>();
    const last = new Map<number, readonly string[]>();
    const withheld = new Set<number>();
    const begun = new Map<number, number>();
    let room = this.#pace.take(nowMs);
    for (const { id, kind, role } of open) {
      const all = kind === "refresh" ? pressedBy(role, tree) : [];
      if (all.length <= LEAST_ROLES) continue;
      const from = this.#begun.get(id) ?? book.highest;
      begun.set(id, from);
      const left = all.filter((one) => (book.version(one) ?? 0) <= from && !people.has(one));
      if (left.length <= room) last.set(id, left);
      else withheld.add(id);
      for (const one of left.slice(0, room)) roles.add(one);
      room -= Math.min(room, left.length);
    }
    this.#begun = begun;
    return { open: withheld.size === 0 ? open : open.filter(({ id }) => !withheld.has(id)), roles: [...roles], last };
  }

  /** A batch was published with a slice of so many roles. */
  published(roles: number, others: number, tookMs: number, nowMs: number): void {
    this.#pace.published({ own: roles, others, tookMs, nowMs });
  }
}
