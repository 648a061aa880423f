// What is seen of a storage at every write to it: three clients walk it, more of them while keys change, and no name is used twice.

import assert from "node:assert/strict";
import { sha256Hex } from "../../src/tuf/crypto.ts";
import type { createMemoryStorage } from "../fakes/storage.ts";
import { Clients, type Watched } from "../rotation/clients.ts";
import { begin, emptyCache, finish, isExpired, isStillSo, visit, type Cache, type InFlight, type Seen } from "./clients.ts";
import type { Model } from "./model.ts";

export class Watch {
  readonly storage: ReturnType<typeof createMemoryStorage>;
  readonly root: Buffer;
  readonly #clock: { now(): number };
  readonly #model: Model;
  /** The first thing that was not as it must be. */
  violation: unknown;
  readonly #returning: Cache = emptyCache();
  #flight: InFlight | undefined;
  #timestamp: Seen | undefined;
  /** What the timestamp in flight led to when it was read. */
  #flightSaw: Seen | undefined;
  /** Timestamp bytes clients were shown, by version. */
  readonly shown = new Map<number, Buffer>();
  readonly #made = new Map<string, string>();
  readonly #versions = new Map<string, string>();
  /** By name: not once the database lost some. */
  versionsAreUnique = true;
  /** While keys change: who reads roots at one moment and what they lead to later, at every moment of it. */
  #pollers: Clients | undefined;

  constructor(storage: ReturnType<typeof createMemoryStorage>, root: Buffer, clock: { now(): number }, model: Model) {
    this.storage = storage;
    this.root = root;
    this.#clock = clock;
    this.#model = model;
    const look = (): void => this.check(() => this.#pollers?.look());
    this.storage.hooks = {
      before: (operation) => {
        if (operation === "create" || operation === "replace") look();
      },
      after: (operation, name) => {
        if (operation === "replace") this.check(() => this.#timestampChanged());
        if (operation === "create") this.check(() => this.#created(name));
        if (operation === "create" || operation === "replace") look();
      },
    };
  }

  /** From now on clients poll at every write, and none may be refused. */
  poll(watched: Watched): void {
    this.#pollers = new Clients(watched);
    this.#pollers.look();
  }

  /** Whether clients have seen something. */
  get sees(): boolean {
    return this.#timestamp !== undefined;
  }

  /** The first violation is kept. */
  check(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.violation ??= error;
    }
  }

  #timestampChanged(): void {
    const now = this.#clock.now();
    const bytes = this.storage.peek("timestamp.json")!;
    const { version } = (JSON.parse(bytes.toString()) as { signed: { version: number } }).signed;
    const highest = Math.max(0, ...this.shown.keys());
    const same = this.shown.get(version);
    assert.ok(version >= highest, `timestamp.json went down from version ${String(highest)} to ${String(version)}`);
    assert.ok(same === undefined || same.equals(bytes), `timestamp.json of version ${String(version)} changed`);
    this.shown.set(version, bytes);
    this.finishFlight();
    try {
      this.#timestamp = visit(this.storage, this.root, emptyCache(), now);
      visit(this.storage, this.root, this.#returning, now);
    } catch (error) {
      // What expired while no publisher lived is refused rightly.
      if (!isExpired(error)) throw error;
      this.#timestamp = undefined;
    }
    if (this.#timestamp !== undefined) this.#model.saw(this.#timestamp.targets);
    this.#flight = begin(this.storage, this.#returning);
    this.#flightSaw = this.#timestamp;
  }

  #created(name: string): void {
    const bytes = this.storage.peek(name);
    if (bytes === undefined) return;
    const made = this.#made.get(name);
    const hash = sha256Hex(bytes);
    assert.ok(made === undefined || made === hash, `${name} was used twice`);
    this.#made.set(name, hash);
    const [version = "", role] = name.split(".");
    if (role === "root" || !this.versionsAreUnique) return;
    const other = this.#versions.get(version);
    assert.ok(other === undefined || other === name, `${name} and ${String(other)} share a version`);
    this.#versions.set(version, name);
  }

  /** A client in flight since the last publish goes on now. */
  finishFlight(): void {
    this.check(() => {
      try {
        if (this.#flightSaw !== undefined && isStillSo(this.storage, this.#flightSaw, this.#clock.now())) return;
        if (this.#flight !== undefined) finish(this.storage, this.root, this.#flight, this.#clock.now());
      } catch (error) {
        if (!isExpired(error)) throw error;
      }
    });
  }

  /** Nobody is in flight any more. */
  forgetFlight(): void {
    this.#flight = this.#flightSaw = undefined;
  }

  /** What a fresh client finds now, and one that comes back. @throws what either is refused */
  walk(): Seen | undefined {
    const now = this.#clock.now();
    const fresh = visit(this.storage, this.root, emptyCache(), now);
    visit(this.storage, this.root, this.#returning, now);
    return fresh;
  }
}
