// Metadata in a bucket: the storage port on top of any store with conditional writes.
//
// How the port's promises are kept:
//  1. `create` is a put on condition that the name is absent, `replace` one on condition that
//     it still holds what was read. The store itself compares and swaps, so a write that lands
//     late, after its timeout, is refused there as well, or is the one that was asked for.
//  2. No answer is believed but a clear yes. After 412, 409, a timeout or a 5xx the name is
//     read back and whole bytes are compared; only then is it said what is true. An answer
//     that stays unclear for 30 s is `unavailable`, and the same call may be repeated.
//  3. A token stands for bytes. When the store marks equal bytes anew, the swap goes on
//     under the new mark; bytes decide.
//  4. Nothing is listed, nothing cached, and one bound holds for all requests in flight.
//  5. Type and caching are written with each object: a store's own default may let an edge
//     keep timestamp.json for an hour.
//
// `prove` shows on a probe name that the conditions are honoured, also by several writers at
// once. A store that takes them for decoration is refused.

import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Rest } from "../../../ports/rest.ts";
import { METADATA_NAME, StorageError, type Created, type NewFile, type Storage, type StorageToken, type StoredFile } from "../../../ports/storage.ts";
import { BucketFault, type Bucket, type Condition, type ObjectHeaders, type StoredObject } from "./bucket.ts";
import { proveStorage } from "./prove.ts";
import { Turns } from "./turns.ts";

export interface BucketStorageOptions {
  /** Put before each name; empty, or it ends with a slash. */
  readonly prefix: string;
  /** Requests in flight at once. Default 32. */
  readonly concurrency?: number;
  /** How long one request may take. Default 10 s. */
  readonly requestMs?: number;
  /** How long a call is tried. Default 30 s. */
  readonly patienceMs?: number;
  /** The least time between two writes of one name, milliseconds. Default 0. */
  readonly minReplaceMs?: number;
  readonly pause?: (ms: number) => Promise<unknown>;
  /** Milliseconds that only go forward. */
  readonly now?: () => number;
}

const ALL_FILES = 10_000;
const ALL_BYTES = 64 * 1024 * 1024;
const PROBE_BYTES = 1_024;
/** Writers that race in the proof. */
const RACERS = 4;
/** No request gets less time than this, milliseconds, and no try is begun with less. */
const FAIR_MS = 1_000;
const BACKOFF_MS = { first: 50, longest: 2_000 } as const;

const IMMUTABLE: ObjectHeaders = { contentType: "application/json", cacheControl: "public, max-age=31536000, immutable" };
/** Kept nowhere without asking: clients follow it, and it changes. */
const MUTABLE: ObjectHeaders = { contentType: "application/json", cacheControl: "no-cache" };

export class BucketStorage implements Storage {
  readonly traits: Storage["traits"];

  readonly #bucket: Bucket;
  readonly #prefix: string;
  readonly #turns: Turns;
  readonly #requestMs: number;
  readonly #patienceMs: number;
  readonly #pause: (ms: number) => Promise<unknown>;
  readonly #now: () => number;
  readonly #inFlight = new Set<Promise<unknown>>();
  #closed = false;

  constructor(bucket: Bucket, options: BucketStorageOptions) {
    this.traits = { weakReplace: false, minReplaceMs: options.minReplaceMs ?? 0 };
    this.#bucket = bucket;
    this.#prefix = options.prefix;
    this.#turns = new Turns(options.concurrency ?? 32);
    this.#requestMs = options.requestMs ?? 10_000;
    this.#patienceMs = options.patienceMs ?? 30_000;
    this.#pause = options.pause ?? ((ms) => sleep(ms));
    this.#now = options.now ?? ((): number => performance.now());
  }

  async prove(): Promise<void> {
    await this.#guard("prove its promises", async () => {
      try {
        await this.#proveMissing();
        await this.#proveOne();
        await this.#proveRaces();
      } catch (error) {
        if (!(error instanceof BucketFault) || (error.kind !== "unsupported" && error.kind !== "condition")) throw error;
        const what = error.kind === "condition" ? "it refuses a condition although what it reads says that it holds" : "it does not know conditional writes";
        throw new StorageError("unsuitable", `the ${this.#bucket.where} cannot hold metadata: ${what}: ${error.message}`, { cause: error });
      }
    });
  }

  async create(name: string, bytes: Uint8Array): Promise<Created> {
    const key = this.#keyOf(name);
    return this.#guard(`create ${name}`, () => this.#turns.run(() => this.#createOne(key, bytes)));
  }

  async createAll(files: readonly NewFile[], rest?: Rest): Promise<readonly Created[]> {
    const byKey = new Map<string, { readonly at: number; readonly bytes: Uint8Array }[]>();
    for (const [at, { name, bytes }] of files.entries()) {
      const key = this.#keyOf(name);
      const same = byKey.get(key);
      if (same === undefined) byKey.set(key, [{ at, bytes }]);
      else same.push({ at, bytes });
    }
    const total = files.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (files.length > ALL_FILES || total > ALL_BYTES) {
      throw new StorageError("too-large", `${String(files.length)} files of ${String(total)} bytes are more than one call takes (${String(ALL_FILES)} files, ${String(ALL_BYTES)} bytes)`);
    }
    return this.#guard(`create ${String(files.length)} files`, async () => {
      const answers = new Array<Created>(files.length);
      // A name that comes twice is created in the order given.
      await this.#turns.each([...byKey], async ([key, same]) => {
        for (const { at, bytes } of same) answers[at] = await this.#createOne(key, bytes);
      }, rest);
      return answers;
    });
  }

  async read(name: string, maxBytes: number): Promise<StoredFile | undefined> {
    const key = this.#keyOf(name);
    return this.#guard(`read ${name}`, () => this.#turns.run(() => this.#readOne(key, maxBytes)));
  }

  async replace(name: string, bytes: Uint8Array, expected: StorageToken | "absent", mayWrite: () => boolean): Promise<"replaced" | "conflict"> {
    const key = this.#keyOf(name);
    return this.#guard(`replace ${name}`, () => this.#turns.run(() => this.#replaceOne(key, bytes, expected, mayWrite)));
  }

  async remove(name: string): Promise<void> {
    const key = this.#keyOf(name);
    await this.#guard(`remove ${name}`, () => this.#turns.run(() => this.#removeOne(key)));
  }

  /** Resolves when the calls in flight have ended. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#inFlight);
    this.#bucket.close();
  }

  // ---------------------------------------------------------------- one name

  async #createOne(key: string, bytes: Uint8Array): Promise<Created> {
    const patience = this.#patience();
    let mayBeOurs = false;
    for (;;) {
      const fault = await this.#tryPut(key, bytes, { is: "absent" }, patience);
      if (fault === undefined) return "created";
      mayBeOurs ||= fault.kind === "unclear";
      const found = await this.#look(key, bytes.length, patience);
      if (found === "too-large") return "other";
      if (found !== "absent") return !found.bytes.equals(bytes) ? "other" : mayBeOurs ? "created" : "same";
      await patience.pause(fault);
    }
  }

  async #replaceOne(key: string, bytes: Uint8Array, expected: StorageToken | "absent", mayWrite: () => boolean): Promise<"replaced" | "conflict"> {
    const patience = this.#patience();
    const most = Math.max(bytes.length, expected === "absent" ? 0 : lengthOf(expected));
    let condition: Condition = expected === "absent" ? { is: "absent" } : { is: "holds", mark: markOf(expected) };
    let mayBeOurs = false;
    for (;;) {
      if (!mayWrite()) return "conflict";
      const fault = await this.#tryPut(key, bytes, condition, patience);
      if (fault === undefined) return "replaced";
      mayBeOurs ||= fault.kind === "unclear";
      const found = await this.#look(key, most, patience);
      if (found === "too-large") return "conflict";
      if (found === "absent") {
        if (expected !== "absent") return "conflict";
      } else {
        if (mayBeOurs && found.bytes.equals(bytes)) return "replaced";
        if (expected === "absent" || !standsFor(expected, found.bytes)) return "conflict";
        condition = { is: "holds", mark: found.mark };
      }
      await patience.pause(fault);
    }
  }

  async #readOne(key: string, maxBytes: number): Promise<StoredFile | undefined> {
    const found = await this.#look(key, maxBytes, this.#patience());
    if (found === "absent") return undefined;
    if (found === "too-large") throw new StorageError("too-large", `${key} in the ${this.#bucket.where} is larger than ${String(maxBytes)} bytes`);
    return { bytes: found.bytes, token: tokenOf(found) };
  }

  async #removeOne(key: string): Promise<void> {
    const patience = this.#patience();
    for (;;) {
      try {
        await this.#bucket.delete(key, patience.signal());
        return;
      } catch (error) {
        await patience.pause(tryAgain(error));
      }
    }
  }

  // ---------------------------------------------------------------- the proof

  /** A missing name must read as missing, or a first root could never be told from a forbidden one. */
  async #proveMissing(): Promise<void> {
    const key = this.#probe();
    let forbidden: BucketFault;
    try {
      await this.#look(key, PROBE_BYTES, this.#patience());
      return;
    } catch (error) {
      if (!(error instanceof BucketFault) || error.kind !== "denied") throw error;
      forbidden = error;
    }
    // Is it the missing name that is forbidden, or everything?
    try {
      await this.#bucket.put(key, Buffer.from("one"), PROBE, { is: "absent" }, this.#patience().signal());
      await this.#look(key, PROBE_BYTES, this.#patience());
    } catch {
      throw forbidden;
    }
    await this.#removeOne(key);
    throw new StorageError("unsuitable", `the ${this.#bucket.where} answers 403 for a name that is not there, so nothing tells a missing file from a forbidden one: ${this.#bucket.missingHint}`, { cause: forbidden });
  }

  async #proveOne(): Promise<void> {
    const probe = this.#probe();
    await proveStorage(`the ${this.#bucket.where}`, {
      begin: () => Promise.resolve(),
      create: (bytes) => this.#createOne(probe, bytes),
      read: () => this.#readOne(probe, PROBE_BYTES),
      replace: (bytes, expected, mayWrite) => this.#replaceOne(probe, bytes, expected, mayWrite),
      remove: () => this.#removeOne(probe),
      end: () => Promise.resolve(),
    });
  }

  /** Looking before one writes passes every test that is made alone. */
  async #proveRaces(): Promise<void> {
    const key = this.#probe();
    const racers = Array.from({ length: RACERS }, (_, at) => Buffer.from(`racer ${String(at)}`));
    const only = (won: number, promise: string): void => {
      if (won !== 1) throw new StorageError("unsuitable", `the ${this.#bucket.where} cannot hold metadata: it does not keep the promise "${promise}": ${String(won)} of ${String(RACERS)} won`);
    };
    try {
      const created = await Promise.all(racers.map((bytes) => this.#createOne(key, bytes)));
      only(created.filter((answer) => answer === "created").length, "of several that create a name at once, one succeeds");
      const before = await this.#readOne(key, PROBE_BYTES);
      if (before === undefined) throw new StorageError("unsuitable", `the ${this.#bucket.where} cannot hold metadata: what was created is not found`);
      const replaced = await Promise.all(racers.map((bytes) => this.#replaceOne(key, Buffer.concat([bytes, bytes]), before.token, () => true)));
      only(replaced.filter((answer) => answer === "replaced").length, "of several that replace a name at once, one succeeds");
    } finally {
      await this.#removeOne(key);
    }
  }

  // ---------------------------------------------------------------- beneath

  /** Undefined: stored. A fault that reading back may settle is returned, any other thrown. */
  async #tryPut(key: string, bytes: Uint8Array, condition: Condition, patience: Patience): Promise<BucketFault | undefined> {
    try {
      await this.#bucket.put(key, bytes, headersOf(key), condition, patience.signal());
      return undefined;
    } catch (error) {
      if (error instanceof BucketFault && (error.kind === "condition" || error.kind === "unclear")) return error;
      throw error;
    }
  }

  async #look(key: string, maxBytes: number, patience: Patience): Promise<StoredObject | "absent" | "too-large"> {
    for (;;) {
      try {
        return await this.#bucket.get(key, maxBytes, patience.signal());
      } catch (error) {
        await patience.pause(tryAgain(error));
      }
    }
  }

  #keyOf(name: string): string {
    if (!METADATA_NAME.test(name)) throw new StorageError("bad-name", `${JSON.stringify(name.slice(0, 200))} is not the name of a metadata file`);
    return `${this.#prefix}${name}`;
  }

  #probe(): string {
    return `${this.#prefix}.rstuf-probe-${randomBytes(8).toString("hex")}`;
  }

  #patience(): Patience {
    return new Patience(this.#patienceMs, this.#requestMs, this.#pause, this.#now);
  }

  /** Every public call passes here: a closed storage refuses, and faults become the port's. */
  async #guard<T>(doing: string, work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new StorageError("unavailable", `cannot ${doing} in the ${this.#bucket.where}: the storage is closed`);
    const running = work();
    this.#inFlight.add(running);
    try {
      return await running;
    } catch (error) {
      if (!(error instanceof BucketFault)) throw error;
      throw new StorageError(error.kind === "denied" ? "denied" : "unavailable", `cannot ${doing} in the ${this.#bucket.where}: ${error.message}`, { cause: error });
    } finally {
      this.#inFlight.delete(running);
    }
  }
}

const PROBE: ObjectHeaders = { contentType: "text/plain", cacheControl: "no-store" };

function headersOf(key: string): ObjectHeaders {
  const name = key.slice(key.lastIndexOf("/") + 1);
  if (name === "timestamp.json") return MUTABLE;
  return METADATA_NAME.test(name) ? IMMUTABLE : PROBE;
}

/** How long one call is tried, and how long each of its requests. */
class Patience {
  readonly #endMs: number;
  readonly #requestMs: number;
  readonly #sleep: (ms: number) => Promise<unknown>;
  readonly #now: () => number;
  #waitMs: number = BACKOFF_MS.first;

  constructor(patienceMs: number, requestMs: number, pause: (ms: number) => Promise<unknown>, now: () => number) {
    this.#now = now;
    this.#endMs = now() + patienceMs;
    this.#requestMs = requestMs;
    this.#sleep = pause;
  }

  signal(): AbortSignal {
    return AbortSignal.timeout(Math.ceil(Math.max(Math.min(FAIR_MS, this.#requestMs), Math.min(this.#requestMs, this.#endMs - this.#now()))));
  }

  /** Waits before another try. @throws `fault` when the time is over */
  async pause(fault: BucketFault): Promise<void> {
    // Many that were refused together should not come back together.
    const waitMs = this.#waitMs * (0.5 + Math.random() / 2);
    if (this.#now() + waitMs + Math.min(FAIR_MS, this.#requestMs) >= this.#endMs) throw fault;
    this.#waitMs = Math.min(this.#waitMs * 2, BACKOFF_MS.longest);
    await this.#sleep(waitMs);
  }
}

/** @throws what another try does not help */
function tryAgain(error: unknown): BucketFault {
  if (error instanceof BucketFault && error.kind === "unclear") return error;
  throw error;
}

/** Length and hash of the bytes, and the store's mark for them. */
function tokenOf({ bytes, mark }: StoredObject): StorageToken {
  return `${String(bytes.length)}:${sha256(bytes)}:${mark}` as StorageToken;
}

const lengthOf = (token: StorageToken): number => Number(token.split(":", 1)[0]);
const markOf = (token: StorageToken): string => token.split(":").slice(2).join(":");
const standsFor = (token: StorageToken, bytes: Uint8Array): boolean => token.startsWith(`${String(bytes.length)}:${sha256(bytes)}:`);
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
