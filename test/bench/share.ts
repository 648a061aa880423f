// npm run bench:share -- [--roles 16384] [--put-ms 20] [--concurrency 32] [--workers 1,2] [--rounds 1]
//
// A new version of every role on PostgreSQL, on a storage that answers each put after a while, by one worker and by several.
// Processes, one database and one folder for each; rounds take turns, so that what else the machine does meets all alike.

import { spawn, type ChildProcess } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openPostgres } from "../../src/drivers/database/postgres/postgres.ts";
import { filesOfStorage } from "../../src/fsck/files.ts";
import { fsck } from "../../src/fsck/fsck.ts";
import type { Database, NewChange, TaskKind } from "../../src/ports/database.ts";
import type { Key } from "../../src/tuf/documents.ts";
import { signedRoot } from "../fakes/publisher-stage.ts";
import { startPostgres, type PostgresServer } from "../servers/postgres.ts";
import type { WorkerOrder } from "./share-worker.ts";
import { createSlowStorage } from "./slow-storage.ts";

const { values } = parseArgs({
  options: {
    roles: { type: "string", default: "16384" }, "put-ms": { type: "string", default: "20" }, concurrency: { type: "string", default: "32" },
    workers: { type: "string", default: "1,2" }, rounds: { type: "string", default: "1" }, "from-roles": { type: "string", default: "256" },
  },
});
/** Of one worker's time, for two. */
const MOST_OF_ONES_TIME = 0.6;

const roles = Number(values.roles);
const putMs = Number(values["put-ms"]);
const concurrency = Number(values.concurrency);

/** A repository and the workers that serve it. */
class Fleet {
  readonly database: Database;
  readonly root: Buffer;
  readonly folder: string;
  readonly #workers: readonly { readonly child: ChildProcess; readonly lines: Interface }[];
  /** How many shares each worker has pressed. */
  readonly shares: number[];
  /** When the batch in hand was offered; and of all batches, milliseconds until they were pressed and put. */
  #offered: number | undefined;
  #sharedMs = 0;

  private constructor(database: Database, root: Buffer, folder: string, order: WorkerOrder, count: number) {
    this.database = database;
    this.root = root;
    this.folder = folder;
    this.shares = Array.from({ length: count }, () => 0);
    this.#workers = this.shares.map((_, at) => {
      const child = spawn(process.execPath, [join(import.meta.dirname, "share-worker.ts"), JSON.stringify(order)], { stdio: ["pipe", "pipe", "inherit"] });
      const lines = createInterface({ input: child.stdout });
      lines.on("line", (line) => {
        if (line.includes('"pressed a share"')) this.shares[at] = (this.shares[at] ?? 0) + 1;
        if (line.includes('"offered shares"')) this.#offered = performance.now();
        if (line.includes('"pressed roles"') && this.#offered !== undefined) {
          this.#sharedMs += performance.now() - this.#offered;
          this.#offered = undefined;
        }
      });
      return { child, lines };
    });
  }

  static async start(server: PostgresServer, base: string, count: number): Promise<Fleet> {
    const name = `bench_${String(count)}`;
    const folder = join(base, name);
    mkdirSync(folder);
    await server.run(`CREATE DATABASE ${name}`);
    const database = await openPostgres({ url: server.url(name), maxSessions: 3 });
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const online: Key = {
      keytype: "ed25519", scheme: "ed25519", keyval: { public: Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url").toString("hex") }, "x-rstuf-online-key-uri": "fn:online",
    };
    const root = signedRoot(online, Date.now() + 3650 * 86_400_000);
    const order: WorkerOrder = {
      url: server.url(name), folder, putMs, concurrency, fromRoles: Number(values["from-roles"]), privateKey: String(privateKey.export({ format: "pem", type: "pkcs8" })),
    };
    const fleet = new Fleet(database, root, folder, order, count);
    const days = { root: 365, targets: 365, snapshot: 30, timestamp: 30, bins: 365 };
    const settings = { roles: Object.fromEntries(Object.entries(days).map(([role, expiration]) => [role, { expiration, ...(role === "bins" ? { number_of_delegated_bins: roles } : {}) }])) };
    await fleet.done("bootstrap", [], (id) => ({ settings: { bootstrap: `pre-${id}`, bootstrap_request: { settings, metadata: { root: JSON.parse(root.toString()) as Record<string, never> } } }, expectBootstrap: { was: undefined } }));
    return fleet;
  }

  /** Resolves once clients see it; answers how long that took, milliseconds. */
  async done(kind: TaskKind, changes: readonly NewChange[], more: (id: string) => object = () => ({})): Promise<number> {
    const id = randomBytes(16).toString("hex");
    const began = performance.now();
    await this.database.accept({ task: { id, kind, createdMs: Date.now(), request: { roles: changes.map(({ role }) => role) } }, changes, held: false, limits: { changes: 1e9, bytes: 1e12 }, ...more(id) });
    for (;;) {
      const result = (await this.database.getTask(id))?.result;
      if (result?.state === "SUCCESS") return performance.now() - began;
      if (result !== undefined) throw new Error(JSON.stringify(result));
      await sleep(20);
    }
  }

  /** How long they pressed shares, since they began, milliseconds. */
  get sharedMs(): number {
    return this.#sharedMs;
  }

  /** Of all workers, since they began, milliseconds. */
  async cpuMs(): Promise<number> {
    const all = await Promise.all(this.#workers.map(async ({ child, lines }) => {
      const told = new Promise<number>((resolve) => {
        const hear = (line: string): void => {
          if (!line.startsWith('{"cpuMs"')) return;
          lines.off("line", hear);
          resolve((JSON.parse(line) as { cpuMs: number }).cpuMs);
        };
        lines.on("line", hear);
      });
      child.stdin?.write("cpu\n");
      return told;
    }));
    return all.reduce((sum, ms) => sum + ms, 0);
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map(async ({ child }) => {
      const exited = once(child, "exit");
      child.stdin?.end();
      await exited;
    }));
    await this.database.close();
  }
}

const base = mkdtempSync(join(tmpdir(), "rstuf-share-"));
const server = await startPostgres();
const fleets: { readonly workers: number; readonly fleet: Fleet; readonly ms: number[]; readonly shared: number[]; readonly cpu: number[] }[] = [];
try {
  for (const workers of values.workers.split(",").map(Number)) fleets.push({ workers, fleet: await Fleet.start(server, base, workers), ms: [], shared: [], cpu: [] });
  const all: readonly NewChange[] = [{ kind: "refresh", role: "bins", path: "", fragment: "" }];
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const { fleet, ms, shared, cpu } of fleets) {
      const before = await fleet.cpuMs();
      const sharedBefore = fleet.sharedMs;
      ms.push(await fleet.done("force_online_metadata_update", all));
      shared.push(fleet.sharedMs - sharedBefore);
      cpu.push((await fleet.cpuMs()) - before);
    }
  }
  const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;
  const limit = (roles * putMs) / concurrency / 1000;
  process.stdout.write(`${String(roles)} roles, a put answered after ${String(putMs)} ms, ${String(concurrency)} in flight a worker: ${limit.toFixed(1)} s for one worker, were nothing else to do\n`);
  process.stdout.write(`${String(availableParallelism())} cores, load ${loadavg()[0]?.toFixed(1) ?? ""}\n\n`);
  process.stdout.write("workers  seconds  of one's time  of it shared  CPU seconds  shares each\n");
  const one = median(fleets[0]?.ms ?? []);
  for (const { workers, fleet, ms, shared, cpu } of fleets) {
    const row = [String(workers).padStart(7), (median(ms) / 1000).toFixed(1).padStart(7), (median(ms) / one).toFixed(2).padStart(13), (median(shared) / 1000).toFixed(1).padStart(12), (median(cpu) / 1000).toFixed(1).padStart(11), fleet.shares.join(" ")];
    process.stdout.write(`${row.join("  ")}\n`);
    const report = await fsck({ files: filesOfStorage(createSlowStorage(fleet.folder, 0, 32)), root: fleet.root, database: fleet.database, now: Date.now() });
    if (report.faults.length > 0) throw new Error(`not sound: ${JSON.stringify(report.faults.slice(0, 5))}`);
    if (workers === 2) process.stdout.write(`two workers need ${(median(ms) / one).toFixed(2)} of one's time; at most ${String(MOST_OF_ONES_TIME)} is the aim at 16,384 roles and 20 ms a put\n`);
  }
} finally {
  for (const { fleet } of fleets) await fleet.end();
  await server.stop();
  rmSync(base, { recursive: true, force: true });
}
