// A repository on the real program, and what is done to it: over loopback, as users do it.

import { createHash } from "node:crypto";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { startProgram, type RunningService } from "../demo/running-service.ts";
import { artifactOf, type Artifact } from "./artifact.ts";
import type { Place } from "./place.ts";
import { scratchFolder } from "./scratch.ts";
import { send } from "./send.ts";
import { uploaded } from "./upload.ts";
import { Watcher } from "./watcher.ts";

/** What /proc counts CPU time in. */
const TICK_MS = 10;

/** A folder that outlives the run, and how many artifacts came in already. */
export interface Kept {
  readonly folder: string | undefined;
  readonly count: number;
}

/** Between single artifacts beside other work, milliseconds: busier than an index with a release every few seconds. */
const BESIDE_MS = 1_000;

export class Stage {
  readonly folder: string;
  /** From the start of the program until clients can read a bootstrapped repository, milliseconds. */
  readonly startMs: number;
  readonly #start: () => Promise<RunningService>;
  readonly #bins: number;
  #service: RunningService;
  #watcher: Watcher;
  #next: number;
  #removed = 1;

  private constructor(folder: string, { count }: Kept, start: () => Promise<RunningService>, service: RunningService, bins: number, startMs: number) {
    this.folder = folder;
    this.startMs = startMs;
    this.#next = count;
    this.#start = start;
    this.#bins = bins;
    this.#service = service;
    this.#watcher = new Watcher(service.origin, bins);
  }

  static async open(bins: number, place: Place, environment: Readonly<Record<string, string>> = {}, kept: Kept = { folder: undefined, count: 0 }): Promise<Stage> {
    const folder = kept.folder ?? scratchFolder("rstuf-bench-");
    const fresh = await place.fresh();
    const program = (): Promise<RunningService> =>
      startProgram(["serve", "--trial", "--port", "0", "--bins", String(bins), "--data-dir", join(folder, "data")], { RSTUF_LOG_LEVEL: "error", ...fresh, ...environment });
    const begin = performance.now();
    const service = await program();
    return new Stage(folder, kept, program, service, bins, performance.now() - begin);
  }

  /** Stops the service, does `work`, and starts it again. */
  async restart(work: () => void): Promise<void> {
    await this.#service.stop();
    work();
    this.#service = await this.#start();
    this.#watcher = new Watcher(this.#service.origin, this.#bins);
  }

  get metadataUrl(): string {
    return `${this.#service.origin}/metadata/`;
  }

  get origin(): string {
    return this.#service.origin;
  }

  /** How many artifacts came in, removed ones too. */
  get count(): number {
    return this.#next;
  }

  get database(): string {
    return join(this.folder, "data", "rstuf.db");
  }

  get artifactsUrl(): string {
    return `${this.#service.origin}/files/`;
  }

  /** A file that can be downloaded; answers its path. */
  async addFile(): Promise<string> {
    const path = "known.txt";
    const bytes = Buffer.alloc(1024, "known ");
    await writeFile(join(this.folder, "data", "files", path), bytes);
    await this.#post("/api/v1/artifacts/", { artifacts: [{ path, info: { length: bytes.length, hashes: { sha256: createHash("sha256").update(bytes).digest("hex") } } }] });
    await this.#watcher.untilVisible([path]);
    return path;
  }

  get trustedRoot(): string {
    return join(this.folder, "data", "trusted", "1.root.json");
  }

  /** A path that was added. */
  get known(): string {
    return artifactOf(0).path;
  }

  async close(): Promise<void> {
    await this.#service.stop();
  }

  /** Milliseconds until a client sees `count` artifacts that came in one request. */
  async add(count: number): Promise<number> {
    const artifacts = this.#artifacts(count);
    const start = performance.now();
    await this.#post("/api/v1/artifacts/", { artifacts });
    return await this.#watcher.untilVisible(artifacts.map(({ path }) => path)) - start;
  }

  /** The same, for `count` requests of one artifact at a time. */
  async concurrent(count: number): Promise<number> {
    const artifacts = this.#artifacts(count);
    const start = performance.now();
    await Promise.all(artifacts.map((artifact) => this.#post("/api/v1/artifacts/", { artifacts: [artifact] })));
    return await this.#watcher.untilVisible(artifacts.map(({ path }) => path)) - start;
  }

  /** Removes the oldest ones but the first, which stays known. */
  async remove(count: number): Promise<void> {
    const paths = Array.from({ length: Math.min(count, this.#next - this.#removed) }, () => artifactOf(this.#removed++).path);
    await this.#post("/api/v1/artifacts/delete", { artifacts: paths });
  }

  /** Imports `count` artifacts; milliseconds until they were read, and until all were published; CPU time of both. */
  async import(count: number): Promise<{ readonly uploadedMs: number; readonly publishedMs: number; readonly uploadCpuMs: number; readonly cpuMs: number }> {
    const first = this.#next;
    this.#next += count;
    const start = performance.now();
    const before = await this.cpuMs();
    const task = await uploaded({ url: `${this.#service.origin}/api/v1/artifacts/import`, first, count });
    const uploadedMs = performance.now() - start;
    const uploadCpuMs = await this.cpuMs() - before;
    await this.#ended(task);
    return { uploadedMs, publishedMs: performance.now() - start, uploadCpuMs, cpuMs: await this.cpuMs() - before };
  }

  /** Milliseconds until every role has a new version. */
  async refreshAll(): Promise<number> {
    const start = performance.now();
    await this.#ended(await this.#post("/api/v1/metadata/online", { roles: ["targets", "bins", "snapshot", "timestamp"] }));
    return performance.now() - start;
  }

  /** CPU time the service took so far, all of its threads, milliseconds. */
  async cpuMs(): Promise<number> {
    const stat = await readFile(`/proc/${String(this.#service.process.pid)}/stat`, "utf8").catch(() => "");
    const [, , , , , , , , , , , user = "NaN", system = "NaN"] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(user) + Number(system)) * TICK_MS;
  }

  async topLevel(): Promise<{ readonly timestamp: Buffer; readonly targets: Buffer }> {
    const get = async (name: string): Promise<Buffer> => Buffer.from(await (await fetch(`${this.metadataUrl}${name}`)).arrayBuffer());
    const versionIn = (bytes: Buffer, name: string): string => String((JSON.parse(bytes.toString()) as { signed: { meta: Record<string, { version: number }> } }).signed.meta[name]?.version);
    const timestamp = await get("timestamp.json");
    const snapshot = await get(`${versionIn(timestamp, "snapshot.json")}.snapshot.json`);
    return { timestamp, targets: await get(`${versionIn(snapshot, "targets.json")}.targets.json`) };
  }

  /** Files of metadata and of the database on disk, and what they take. */
  async disk(): Promise<{ readonly files: number; readonly MiB: number }> {
    const names = await readdir(join(this.folder, "data"), { recursive: true, withFileTypes: true });
    let files = 0;
    let bytes = 0;
    for (const one of names) {
      if (!one.isFile()) continue;
      files += 1;
      bytes += (await stat(join(one.parentPath, one.name)).catch(() => ({ size: 0 }))).size;
    }
    return { files, MiB: bytes / 2 ** 20 };
  }

  /** Single artifacts while `work` goes on, the next a second after the last was visible: what each took, milliseconds. */
  async beside<T>(work: Promise<T>): Promise<{ readonly times: readonly number[]; readonly value: T }> {
    const times: number[] = [];
    let over = false;
    const ended = work.finally(() => { over = true; });
    while (!(over as boolean)) {
      times.push(await this.add(1));
      await new Promise((resolve) => setTimeout(resolve, BESIDE_MS));
    }
    return { times, value: await ended };
  }

  async memoryMiB(which: "VmRSS" | "VmHWM"): Promise<number> {
    const status = await readFile(`/proc/${String(this.#service.process.pid)}/status`, "utf8").catch(() => "");
    return Number(new RegExp(`^${which}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? Number.NaN) / 1024;
  }

  #artifacts(count: number): Artifact[] {
    return Array.from({ length: count }, () => artifactOf(this.#next++));
  }

  async #ended(task: string): Promise<void> {
    for (;;) {
      const answer = await fetch(`${this.#service.origin}/api/v1/task/?task_id=${task}&wait=30`);
      const { data } = await answer.json() as { data: { state: string; result?: unknown } };
      if (data.state === "SUCCESS") return;
      if (data.state === "FAILURE" || data.state === "ERRORED") throw new Error(JSON.stringify(data).slice(0, 300));
    }
  }

  #post(path: string, body: unknown): Promise<string> {
    return send(`${this.#service.origin}${path}`, "application/json", Readable.from([JSON.stringify(body)]));
  }

}
