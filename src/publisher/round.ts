// A forced refresh of many roles: a few at a time, on the batches of everybody else, so that nobody waits for all of them.
//
// Which of its roles are done is seen by their versions: all come from one counter (promise 2), so that what lies above
// the highest there was when the round began was pressed later. That mark is kept in memory; after a restart or a
// take-over the round begins anew, which costs signatures and harms nobody. The change itself goes with the last of its
// roles, and so does the end of its task.

import type { OpenChange } from "../ports/database.ts";
import type { DelegationTree } from "../roles/delegation.ts";
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

/** How far one refresh is. */
interface Begun {
  /** The highest version when it was seen first. */
  readonly from: number;
  readonly tree: DelegationTree;
  /** Roles that may be left; those that others pressed meanwhile are told by their version when it is their turn. */
  left: readonly string[];
}

export class Rounds {
  readonly #pace = new Pace({ least: LEAST_ROLES, most: Number.MAX_SAFE_INTEGER });
  #begun = new Map<number, Begun>();

  /** The next slice. `nowMs`, `isOvertaken`: as `Pace.take`. */
  next({ tree, book }: Pick<Head, "tree" | "book">, open: readonly OpenChange[], people: Pick<ReadonlySet<string>, "has">, nowMs: number, isOvertaken: boolean): Round {
    const roles = new Set<string>();
    const last = new Map<number, readonly string[]>();
    const withheld = new Set<number>();
    const begun = new Map<number, Begun>();
    let room = this.#pace.take(nowMs, isOvertaken);
    for (const { id, kind, role } of open) {
      if (kind !== "refresh") continue;
      const round = this.#roundOf(id, role, { tree, book }, people);
      if (round === undefined) continue;
      begun.set(id, round);
      const isLeft = (one: string): boolean => (book.version(one) ?? 0) <= round.from;
      // Only as many are looked at as there is room for: a look at all 16,384 each time took longer than their signatures.
      let seen = 0;
      const slice: string[] = [];
      for (; seen < round.left.length && slice.length < room; seen++) {
        const one = round.left[seen] as string;
        if (isLeft(one)) slice.push(one);
      }
      round.left = [...slice, ...round.left.slice(seen)];
      if (round.left.length === slice.length) last.set(id, slice);
      else withheld.add(id);
      for (const one of slice) roles.add(one);
      room -= slice.length;
    }
    this.#begun = begun;
    return { open: withheld.size === 0 ? open : open.filter(({ id }) => !withheld.has(id)), roles: [...roles], last };
  }

  /** Undefined when it has so few roles that they go at once. */
  #roundOf(id: number, role: string, { tree, book }: Pick<Head, "tree" | "book">, people: Pick<ReadonlySet<string>, "has">): Begun | undefined {
    const known = this.#begun.get(id);
    if (known?.tree === tree) return known;
    const left = pressedBy(role, tree).filter((one) => !people.has(one));
    return left.length <= LEAST_ROLES && known === undefined ? undefined : { from: known?.from ?? book.highest, tree, left };
  }

  /** A batch was published with a slice of so many roles. */
  published(roles: number, waited: boolean, tookMs: number, nowMs: number): void {
    this.#pace.published({ own: roles, waited, tookMs, nowMs });
  }
}
