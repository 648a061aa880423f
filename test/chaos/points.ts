// A worker that stands still, is robbed of its lease or cut off between any two steps of a publish.
//
// Steps are what it says to others: every message to its database and to its bucket passes a proxy of ours. At the chosen
// one something befalls it; another worker takes over and publishes twice; then it goes on, believing that it leads.
// Whatever the moment: timestamp.json never goes back, no client is refused, what was accepted is published once.

import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { createHttpFetcher } from "../../src/drivers/fetcher/http/fetcher.ts";
import { filesByUrl } from "../../src/fsck/files.ts";
import { fsck } from "../../src/fsck/fsck.ts";
import { openClient, type Client } from "../../src/main/client.ts";
import type { NewChange, TaskKind } from "../../src/ports/database.ts";
import { startProgram } from "../demo/running-service.ts";
import { proxyBefore, type Proxy } from "../servers/proxy.ts";
import { Place, startGround, type Ground } from "./cluster.ts";
import { withinAMinute } from "./within-a-minute.ts";

/**
 * - `stands before`  stopped by a signal; the message arrives when it goes on
 * - `stands after`   the message arrives, and then it stands
 * - `is robbed`      somebody else takes the lease, and dies with it
 * - `is cut off`     the database ends its connections, and refuses new ones
 * - `hears nothing`  nothing passes between it and the database, in either direction
 */
export type Fate = "stands before" | "stands after" | "is robbed" | "is cut off" | "hears nothing";
export const FATES: readonly Fate[] = ["stands before", "stands after", "is robbed", "is cut off", "hears nothing"];

/** Which message it is: the how manieth, or what it says. */
export type Point = number | "COMMIT" | "PUT timestamp.json";

const BINS = 8;

interface Worker {
  readonly place: Place;
  readonly database: Proxy;
  readonly bucket: Proxy;
}

export class Points {
  readonly #ground: Ground;
  readonly #parts: AsyncDisposableStack;
  readonly #workers: Worker[] = [];
  readonly #returning: Client;
  #rounds = 0;
  /** The version of each timestamp.json that was stored, in order. */
  readonly #shown: number[] = [];

  private constructor(ground: Ground, parts: AsyncDisposableStack, returning: Client) {
    this.#ground = ground;
    this.#parts = parts;
    this.#returning = returning;
    const { objects } = ground.bucket;
    const set = objects.set.bind(objects);
    objects.set = (key, object) => {
      if (key.endsWith("timestamp.json")) this.#shown.push((JSON.parse(object.bytes.toString()) as { signed: { version: number } }).signed.version);
      return set(key, object);
    };
  }

  /** Two workers with leases as long as that, each behind proxies of its own. */
  static async start(leasesMs: readonly [number, number]): Promise<Points> {
    const parts = new AsyncDisposableStack();
    try {
      const ground = await startGround(parts, { bins: BINS, leaseMs: leasesMs[0] });
      const returning = await openClient({ metadataUrl: ground.metadataUrl, trust: { root: ground.root }, cacheDir: mkdtempSync(join(ground.folder, "returning-")) });
      const points = new Points(ground, parts, returning);
      for (const leaseMs of leasesMs) await points.#addWorker(leaseMs);
      return points;
    } catch (error) {
      await parts.disposeAsync();
      throw error;
    }
  }

  async #addWorker(leaseMs: number): Promise<void> {
    const { server, bucket, environment, databaseName } = this.#ground;
    const database = await proxyBefore(server.socket);
    const storage = await proxyBefore(Number(new URL(bucket.url).port));
    const place = new Place("worker", () => startProgram(["worker", "--listen", "127.0.0.1:0"], {
      ...environment, RSTUF_PUBLISHER_LEASE_MS: String(leaseMs), RSTUF_PUBLISHER_SHARE_FROM_ROLES: "4",
      RSTUF_DATABASE_URL: `postgresql://postgres@127.0.0.1:${String(database.port)}/${databaseName}`,
      RSTUF_STORAGE_ENDPOINT: `http://127.0.0.1:${String(storage.port)}`,
    }));
    // Taken down in the opposite order: the process first.
    this.#parts.defer(async () => { await Promise.all([database.close(), storage.close()]); });
    this.#parts.defer(() => place.kill());
    this.#workers.push({ place, database, bucket: storage });
    await place.start();
    await this.#leader();
  }

  /** SIGKILL of who leads: how long until another has the lease, milliseconds. Only that one is left. */
  async kill(): Promise<number> {
    const { place } = await this.#leader();
    const { lease } = await this.#ground.database.publisher();
    const since = performance.now();
    await place.kill();
    return this.#untilLedAfter(lease.number, since);
  }

  /** Answers whether there was such a point in the publish. @throws AssertionError when a promise is broken */
  async strike(point: Point, fate: Fate, whom: "leader" | "helper" = "leader"): Promise<boolean> {
    const { database } = this.#ground;
    const leader = await this.#leader();
    const victim = whom === "leader" ? leader : this.#workers.find((worker) => worker !== leader);
    assert.ok(victim);
    const { lease } = await database.publisher();
    const round = ++this.#rounds;
    let goOn = (): void => {};
    const released = new Promise<void>((resolve) => { goOn = resolve; });
    let messages = 0;
    const seen = { met: false };
    const gate = (to: "database" | "bucket") => (bytes: Buffer): Promise<void> | undefined => {
      messages += 1;
      if (seen.met || !isAt(point, messages, to, bytes)) return undefined;
      seen.met = true;
      return this.#befall(victim, fate, released);
    };
    victim.database.gate = gate("database");
    victim.bucket.gate = gate("bucket");
    try {
      const first = await this.#accept("add_artifacts", [`${String(round)}/a`, `${String(round)}/b`]);
      await this.#succeeds(first);
      if (!seen.met) return false;
      if (whom === "leader" && fate !== "is robbed") await this.#untilLedAfter(lease.number, performance.now());
      await this.#succeeds(await this.#accept("add_artifacts", [`${String(round)}/a`], 2));
    } finally {
      victim.database.gate = undefined;
      victim.bucket.gate = undefined;
      goOn();
      victim.place.goOn();
      victim.database.heal();
    }
    await this.#succeeds(await this.#accept("add_artifacts", [`${String(round)}/c`]));
    await this.#untilOneLeads();
    await this.#requireWhole(round);
    return true;
  }

  /** Begins what befalls it; what is answered holds the message. */
  async #befall(victim: Worker, fate: Fate, released: Promise<void>): Promise<void> {
    switch (fate) {
      case "stands before":
        victim.place.stand();
        await released;
        return;
      case "stands after":
        victim.place.stand();
        return;
      case "is robbed":
        await this.#ground.server.run("UPDATE rstuf.publisher SET lease_number = lease_number + 1, lease_holder = 'a thief', lease_until_ms = rstuf.now_ms() + 500", this.#ground.databaseName);
        return;
      case "is cut off":
        victim.database.cut();
        return;
      case "hears nothing":
        victim.database.stall();
    }
  }

  async #accept(kind: TaskKind, paths: readonly string[], length = 1): Promise<string> {
    const id = randomBytes(16).toString("hex");
    const adds = paths.map((path): NewChange => ({ kind: "add", role: "", path, fragment: `{"hashes":{"sha256":"${"ab".repeat(32)}"},"length":${String(length)}}` }));
    // Every bin, so that the batch is shared.
    const bins: NewChange = { kind: "refresh", role: "bins", path: "", fragment: "" };
    await this.#ground.database.accept({ task: { id, kind, createdMs: Date.now(), request: { paths: [...paths, ""], roles: ["bins"] } }, changes: [...adds, bins], held: false, limits: { changes: 1e6, bytes: 1e9 } });
    return id;
  }

  async #succeeds(task: string): Promise<void> {
    const result = await this.#within("the end of a task", async () => (await this.#ground.database.getTask(task))?.result);
    assert.equal(result.state, "SUCCESS", JSON.stringify(result));
  }

  #leader(): Promise<Worker> {
    return this.#within("a leader", async () => {
      for (const worker of this.#workers) if (await worker.place.leads()) return worker;
      return undefined;
    });
  }

  /** Milliseconds since `since`. */
  #untilLedAfter(number: number, since: number): Promise<number> {
    return this.#within("another leader", async () => {
      const { lease } = await this.#ground.database.publisher();
      return lease.number > number && lease.holder !== "" ? performance.now() - since : undefined;
    });
  }

  /** Whoever stood still has heard that it leads no more. */
  async #untilOneLeads(): Promise<void> {
    await this.#within("one leader alone", async () => {
      const leading = await Promise.all(this.#workers.map(({ place }) => place.leads()));
      return leading.filter(Boolean).length === 1 ? true : undefined;
    });
  }

  #within<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    return withinAMinute(() => `${what}\n${this.#logs()}`, look);
  }

  async #requireWhole(round: number): Promise<void> {
    assert.deepEqual(this.#shown, [...new Set(this.#shown)].sort((a, b) => a - b), "timestamp.json went back, or was stored twice");
    const fresh = await openClient({ metadataUrl: this.#ground.metadataUrl, trust: { root: this.#ground.root }, cacheDir: mkdtempSync(join(this.#ground.folder, "fresh-")) });
    for (const client of [this.#returning, fresh]) {
      await client.refresh();
      for (const [name, length] of [["a", 2], ["b", 1], ["c", 1]] as const) assert.equal((await client.find(`${String(round)}/${name}`))?.target.length, length, `${String(round)}/${name}`);
    }
    const files = filesByUrl(createHttpFetcher({ version: "points" }), this.#ground.metadataUrl);
    const report = await fsck({ files, root: this.#ground.root, database: this.#ground.database, now: Date.now() });
    assert.deepEqual(report.faults, []);
  }

  #logs(): string {
    return this.#workers.map(({ place }) => place.log.slice(-2000)).join("\n");
  }

  end(): Promise<void> {
    return this.#parts.disposeAsync();
  }
}

function isAt(point: Point, messages: number, to: "database" | "bucket", bytes: Buffer): boolean {
  if (typeof point === "number") return messages === point;
  return point === "COMMIT" ? to === "database" && bytes.includes("COMMIT\0") : to === "bucket" && bytes.includes("PUT ") && bytes.includes("timestamp.json");
}
