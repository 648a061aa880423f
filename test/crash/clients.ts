// Three TUF clients over the bytes in a storage: one that starts from the trusted root each
// time, one that returns with its cache, and one that is in flight: it read the timestamp
// some time ago and fetches what it names only now.
//
// They walk everything (timestamp, snapshot, targets, every bin), as no client does at once,
// so that a file any client might ask for is asked for.

import assert from "node:assert/strict";
import { TufError } from "../../src/tuf/errors.ts";
import { parseExpires } from "../../src/tuf/parse.ts";
import { delegationOf } from "../../src/tuf/search.ts";
import { TrustedSet } from "../../src/tuf/trusted-set.ts";
import { rememberedVerdict } from "../fakes/remembered-verdict.ts";

export interface Files {
  peek(name: string): Buffer | undefined;
}

/** What a client believes after a walk. */
export interface Seen {
  readonly timestamp: Buffer;
  /** The files it read, and when the first of them expires, milliseconds. */
  readonly files: readonly string[];
  readonly expiresMs: number;
  /** Path to the length of the target. */
  readonly targets: ReadonlyMap<string, number>;
}

/** What a client keeps from one walk to the next. */
export interface Cache {
  /** How many roots it knew. */
  roots?: number;
  timestamp?: Buffer;
  snapshot?: Buffer;
  readonly targets: Map<string, Buffer>;
}

/** A client that read the roots and the timestamp, and nothing else yet. */
export interface InFlight {
  readonly roots: readonly Buffer[];
  readonly timestamp: Buffer;
  /** The cache it started from. */
  readonly cache: Cache;
}

export const emptyCache = (): Cache => ({ targets: new Map() });
const copyOf = (cache: Cache): Cache => ({ ...cache, targets: new Map(cache.targets) });

/** A refusal for age alone: right when no publisher lived, never when one did. */
export const isExpired = (error: unknown): boolean => error instanceof TufError && error.code.endsWith("-expired");

/** A refusal because of keys: right only while a root that recovers from a compromise is shown without its timestamp. */
export const isKeyless = (error: unknown): boolean => error instanceof TufError && error.code === "threshold";

/** Fetches roots and timestamp. Undefined when there is no repository yet. */
export function begin(files: Files, cache: Cache): InFlight | undefined {
  const timestamp = files.peek("timestamp.json");
  if (timestamp === undefined) return undefined;
  const roots: Buffer[] = [];
  for (let root = files.peek("1.root.json"); root !== undefined; root = files.peek(`${String(roots.length + 1)}.root.json`)) roots.push(root);
  return { roots, timestamp, cache: copyOf(cache) };
}

/**
 * Goes on from the timestamp to every role, and keeps what it accepted in `cache`.
 * @throws TufError, and AssertionError for a file that is not there
 */
export function finish(files: Files, root: Buffer, flight: InFlight, now: number, cache: Cache = flight.cache): Seen {
  const trusted = new TrustedSet(root, { now, verify: rememberedVerdict });
  const [first, ...others] = flight.roots;
  assert.deepEqual(first, root, "1.root.json is there whenever a timestamp is");
  for (const next of others) trusted.updateRoot(next);
  // 5.3.11: who finds the keys of timestamp or snapshot changed gives up what it stored.
  const moved = (flight.cache.roots ?? flight.roots.length) === flight.roots.length ? [] : ["threshold"];
  if (flight.cache.timestamp !== undefined) tolerate(() => trusted.updateTimestamp(flight.cache.timestamp!), "timestamp-expired", ...moved);
  tolerate(() => trusted.updateTimestamp(flight.timestamp), "timestamp-equal");
  const timestamp = trusted.timestamp!.signed;

  if (flight.cache.snapshot !== undefined) tolerate(() => trusted.updateSnapshot(flight.cache.snapshot!, { trusted: true }), "snapshot-expired", "snapshot-version", ...moved);
  const { version } = timestamp.meta["snapshot.json"];
  const snapshot = fetch(files, `${String(version)}.snapshot.json`);
  trusted.updateSnapshot(snapshot);

  const targets = new Map<string, number>();
  const names = [`${String(version)}.snapshot.json`];
  let expiresMs = Math.min(parseExpires(timestamp.expires), parseExpires(trusted.snapshot!.signed.expires));
  const meta = trusted.snapshot!.signed.meta;
  const kept = new Map<string, Buffer>();
  // Whoever delegates before those it delegates to; a role that nobody delegates to any more is not read.
  const waiting = new Set(Object.keys(meta).map((file) => file.replace(/\.json$/, "")));
  const reading: (readonly [role: string, delegator: string])[] = [["targets", "root"]];
  for (const [role, delegator] of reading) {
    waiting.delete(role);
    const stated = meta[`${role}.json`]!;
    const bytes = fetch(files, `${String(stated.version)}.${role}.json`);
    trusted.updateTargets(bytes, role, delegator);
    for (const name of waiting) if (delegationOf(trusted.targets(role)!.signed, name) !== undefined) reading.push([name, role]);
    kept.set(role, bytes);
    names.push(`${String(stated.version)}.${role}.json`);
    expiresMs = Math.min(expiresMs, parseExpires(trusted.targets(role)!.signed.expires));
    for (const [path, target] of Object.entries(trusted.targets(role)!.signed.targets)) {
      assert.ok(!targets.has(path), `${path} is in two roles`);
      targets.set(path, target.length);
    }
  }
  cache.roots = flight.roots.length;
  cache.timestamp = flight.timestamp;
  cache.snapshot = snapshot;
  for (const [role, bytes] of kept) cache.targets.set(role, bytes);
  return { timestamp: flight.timestamp, files: names, expiresMs, targets };
}

/** Whether a walk that ended in `seen` would end so again: names are never used twice, so all that can happen to them is to vanish or expire. */
export function isStillSo(files: Files, seen: Seen, now: number): boolean {
  if (now >= seen.expiresMs) return false;
  for (const name of seen.files) fetch(files, name);
  return true;
}

/** A whole walk, from the root alone when `cache` is empty. Undefined when there is no repository yet. */
export function visit(files: Files, root: Buffer, cache: Cache, now: number): Seen | undefined {
  const flight = begin(files, cache);
  return flight === undefined ? undefined : finish(files, root, flight, now, cache);
}

function fetch(files: Files, name: string): Buffer {
  const bytes = files.peek(name);
  assert.ok(bytes, `a client asked for ${name}, which is not there`);
  return bytes;
}

function tolerate(act: () => unknown, ...codes: readonly string[]): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof TufError) || !codes.includes(error.code)) throw error;
  }
}
