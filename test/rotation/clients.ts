// Clients that poll through a change of keys: fresh, returning, and in flight.
//
// Whenever roots or timestamp changed each of them looks. A client in flight read the roots,
// or the roots and the timestamp, at an earlier look no longer ago than a settle time.

import assert from "node:assert/strict";
import { TufError } from "../../src/tuf/errors.ts";
import { delegationOf } from "../../src/tuf/search.ts";
import { TrustedSet } from "../../src/tuf/trusted-set.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { rememberedVerdict } from "../fakes/remembered-verdict.ts";

/** The repository they look at. */
export interface Watched {
  readonly storage: { peek(name: string): Buffer | undefined };
  readonly clock: Pick<Clock, "now" | "monotonic">;
  readonly deps: { readonly policy: { readonly settleMs: number } };
}

interface Look {
  /** The last moment at which things looked so. */
  atMs: number;
  readonly roots: readonly Buffer[];
  readonly timestamp: Buffer;
}

interface Cache {
  roots: number;
  timestamp?: Buffer;
  snapshot?: Buffer;
}

export class Clients {
  readonly #stage: Watched;
  readonly #looks: Look[] = [];
  readonly #sample: number;
  readonly #cache: Cache = { roots: 1 };
  /** Walks that ended well. */
  walks = 0;

  /** @param sample how many delegated roles a walk reads; all unless told, others at every look */
  constructor(stage: Watched, sample = Number.POSITIVE_INFINITY) {
    this.#stage = stage;
    this.#sample = sample;
  }

  /** All clients look now. @throws what any of them is refused */
  look(): void {
    const { storage, clock } = this.#stage;
    const timestamp = storage.peek("timestamp.json");
    if (timestamp === undefined) return;
    const now: Look = { atMs: clock.monotonic(), roots: this.#roots(), timestamp };
    const settleMs = this.#stage.deps.policy.settleMs;
    const last = this.#looks.at(-1);
    if (last?.roots.length === now.roots.length && last.timestamp.equals(timestamp)) {
      last.atMs = now.atMs;
      return;
    }
    this.#walk("fresh", now.roots, now.timestamp, undefined);
    for (const earlier of this.#looks) {
      if (now.atMs - earlier.atMs >= settleMs) continue;
      this.#walk(`in flight since ${String(earlier.atMs)}, with roots`, earlier.roots, now.timestamp, undefined);
      this.#walk(`in flight since ${String(earlier.atMs)}, with its timestamp`, earlier.roots, earlier.timestamp, undefined);
    }
    this.#walk("returning", now.roots, now.timestamp, this.#cache);
    this.#looks.push(now);
  }

  #roots(): readonly Buffer[] {
    const roots: Buffer[] = [];
    for (let version = 1; ; version++) {
      const bytes = this.#stage.storage.peek(`${String(version)}.root.json`);
      if (bytes === undefined) return roots;
      roots.push(bytes);
    }
  }

  #walk(who: string, roots: readonly Buffer[], timestamp: Buffer, cache: Cache | undefined): void {
    try {
      const [first, ...others] = roots;
      assert(first, "root 1 is there");
      const trusted = new TrustedSet(first, { now: this.#stage.clock.now(), verify: rememberedVerdict });
      for (const root of others) trusted.updateRoot(root);
      // 5.3.11: who finds the keys of timestamp or snapshot changed gives up what it stored.
      const known = cache !== undefined && cache.roots === roots.length;
      if (known && cache.timestamp !== undefined) trusted.updateTimestamp(cache.timestamp);
      else if (cache?.timestamp !== undefined) tolerate(() => trusted.updateTimestamp(cache.timestamp!), "threshold");
      tolerate(() => trusted.updateTimestamp(timestamp), "timestamp-equal");
      if (cache?.snapshot !== undefined) tolerate(() => trusted.updateSnapshot(cache.snapshot!, { trusted: true }), "snapshot-version", "threshold");
      const snapshot = this.#read(`${String(trusted.timestamp!.signed.meta["snapshot.json"].version)}.snapshot.json`);
      trusted.updateSnapshot(snapshot);
      const { meta } = trusted.snapshot!.signed;
      const load = (role: string, delegator: string): void => void trusted.updateTargets(this.#read(`${String(meta[`${role}.json`]!.version)}.${role}.json`), role, delegator);
      load("targets", "root");
      // Whoever delegates before those it delegates to; who is listed and delegated to by nobody is retired.
      const waiting = new Set(Object.keys(meta).map((file) => file.slice(0, -".json".length)).filter((role) => role !== "targets"));
      const looked = new Set(this.#some(Object.keys(meta).filter((name) => name !== "targets.json")));
      for (const delegators = ["targets"]; delegators.length > 0; ) {
        const delegator = delegators.shift()!;
        const { signed } = trusted.targets(delegator)!;
        for (const role of waiting) {
          // Of many bins some; whoever may delegate, always.
          if ((/-[0-9a-f]+$/.test(role) && !looked.has(`${role}.json`)) || delegationOf(signed, role) === undefined) continue;
          load(role, delegator);
          waiting.delete(role);
          if (trusted.targets(role)!.signed.delegations !== undefined) delegators.push(role);
        }
      }
      if (cache !== undefined) Object.assign(cache, { roots: roots.length, timestamp, snapshot });
      this.walks += 1;
    } catch (error) {
      throw new Error(`the client ${who} is refused at ${String(this.#stage.clock.monotonic())}: ${String(error)}`, { cause: error });
    }
  }

  #some(files: readonly string[]): readonly string[] {
    if (files.length <= this.#sample) return files;
    const step = files.length / this.#sample;
    return Array.from({ length: this.#sample }, (_, at) => files[Math.floor((at * step + this.#looks.length * 7) % files.length)]!);
  }

  #read(name: string): Buffer {
    const bytes = this.#stage.storage.peek(name);
    assert(bytes, `${name} is missing`);
    return bytes;
  }
}

function tolerate(act: () => unknown, ...codes: readonly string[]): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof TufError) || !codes.includes(error.code)) throw error;
  }
}
