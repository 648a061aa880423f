// The rows of the throughput budget, each measured on the real program over loopback.

import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProgram, type RunningService } from "../demo/running-service.ts";
import { median, quantile, type Limits } from "./limits.ts";
import { Watcher } from "./watcher.ts";

export interface Row {
  readonly name: string;
  /** Milliseconds, or MiB where the unit says so. */
  readonly figures: readonly { readonly what: string; readonly value: number; readonly budget: number; readonly limit?: number }[];
  readonly unit: "ms" | "MiB";
}

export interface BenchOptions {
  readonly bins: number;
  readonly rounds: { readonly one: number; readonly bulk: number };
  readonly limits: Limits;
  /** Artifacts published before anything is measured. */
  readonly preload: number;
  readonly said: (what: string) => void;
}

export async function measureRows({ bins, rounds, limits, preload, said }: BenchOptions): Promise<readonly Row[]> {
  const folder = await mkdtemp(join(tmpdir(), "rstuf-bench-"));
  const rows: Row[] = [];
  const start = performance.now();
  const service = await startProgram(["serve", "--trial", "--port", "0", "--bins", String(bins), "--data-dir", join(folder, "data")], {
    RSTUF_LOG_LEVEL: "error",
    RSTUF_PUBLISHER_MAX_BATCH_CHANGES: "1000000",
    RSTUF_PUBLISHER_MAX_BATCH_BYTES: String(2 ** 31),
  });
  try {
    const files = (bins * 1000) / limits.durableFiles + (bins * 1000) / limits.signatures;
    rows.push({ name: "bootstrap (start included)", unit: "ms", figures: [{ what: "once", value: performance.now() - start, budget: 8000, limit: files }] });
    const atRest = await residentMiB(service);
    const bench = new Bench(service, bins);
    if (preload > 0) await bench.preload(preload, said);

    said("one artifact at a time");
    const one: number[] = [];
    for (let i = 0; i < rounds.one; i++) one.push(await bench.add(1));
    const floor = 3 * limits.durableCommitMs + 3 * limits.durableFileMs + 2000 / limits.signatures + (bins >= 4096 ? limits.snapshotSignatureMs : 0);
    rows.push({ name: `one artifact visible${preload > 0 ? `, ${String(preload)} before` : ""}`, unit: "ms", figures: [
      { what: "median", value: median(one), budget: 40, limit: floor },
      { what: "p95", value: quantile(one, 0.95), budget: 120 },
    ] });

    said("1,000 concurrent requests of one artifact");
    const concurrent: number[] = [];
    for (let i = 0; i < rounds.bulk; i++) concurrent.push(await bench.concurrent(1000));
    const touched = (count: number): number => bins * (1 - (1 - 1 / bins) ** count);
    const bulkLimit = (count: number): number => (touched(count) * 1000) / limits.durableFiles + (touched(count) * 1000) / limits.signatures + (count * 1000) / limits.rows;
    rows.push({ name: "1,000 concurrent single-artifact requests visible", unit: "ms", figures: [{ what: "median", value: median(concurrent), budget: 2000, limit: bulkLimit(1000) }] });

    for (const [count, budget] of [[1000, 2000], [10_000, 12_000]] as const) {
      said(`one request of ${String(count)} artifacts`);
      const times: number[] = [];
      for (let i = 0; i < rounds.bulk; i++) times.push(await bench.add(count));
      rows.push({ name: `one request with ${String(count)} artifacts visible`, unit: "ms", figures: [{ what: "median", value: median(times), budget, limit: bulkLimit(count) }] });
    }
    rows.push({ name: "resident memory", unit: "MiB", figures: [
      { what: "at rest", value: atRest, budget: 200 },
      { what: "most", value: await peakMiB(service), budget: 700 },
    ] });
    return rows;
  } finally {
    await service.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

class Bench {
  readonly #origin: string;
  readonly #watcher: Watcher;
  #next = 0;

  constructor(service: RunningService, bins: number) {
    this.#origin = service.origin;
    this.#watcher = new Watcher(service.origin, bins);
  }

  /** One request of `count` artifacts; milliseconds until a client sees them all. */
  async add(count: number): Promise<number> {
    const artifacts = this.#artifacts(count);
    const start = performance.now();
    await this.#post(artifacts);
    await this.#watcher.untilVisible(artifacts.map(({ path }) => path));
    return performance.now() - start;
  }

  /** `count` requests of one artifact each, all at once. */
  async concurrent(count: number): Promise<number> {
    const artifacts = this.#artifacts(count);
    const start = performance.now();
    await Promise.all(artifacts.map((artifact) => this.#post([artifact])));
    await this.#watcher.untilVisible(artifacts.map(({ path }) => path));
    return performance.now() - start;
  }

  async preload(count: number, said: (what: string) => void): Promise<void> {
    let last: readonly { path: string }[] = [];
    for (let left = count; left > 0; left -= 100_000) {
      last = this.#artifacts(Math.min(left, 100_000));
      await this.#post(last);
      said(`preloading, ${String(left)} to go`);
    }
    await this.#watcher.untilVisible(last.map(({ path }) => path));
  }

  #artifacts(count: number): { path: string; info: { length: number; hashes: { sha256: string } } }[] {
    return Array.from({ length: count }, () => {
      const path = `packages/${String(this.#next % 997)}/release-${String(this.#next++)}.tar.gz`;
      return { path, info: { length: 1000 + (this.#next % 50_000), hashes: { sha256: createHash("sha256").update(path).digest("hex") } } };
    });
  }

  #post(artifacts: readonly unknown[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const sent = request(`${this.#origin}/api/v1/artifacts/`, { method: "POST", agent: AGENT, headers: { "content-type": "application/json" } }, (answer) => {
      let text = "";
      answer.on("data", (chunk: Buffer) => { text += chunk.toString(); });
      answer.once("end", () => {
        if (answer.statusCode === 202) resolve(undefined);
        else reject(new Error(`${String(answer.statusCode)}: ${text.slice(0, 300)}`));
      });
      answer.once("error", reject);
    });
    sent.once("error", reject);
    sent.end(JSON.stringify({ artifacts }));
    return promise;
  }
}

/** The service takes 1,000 connections; one of them is the watcher's. */
const AGENT = new Agent({ keepAlive: true, maxSockets: 900 });

async function statusLine(service: RunningService, name: string): Promise<number> {
  const status = await readFile(`/proc/${String(service.process.pid)}/status`, "utf8").catch(() => "");
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? Number.NaN) / 1024;
}

const residentMiB = (service: RunningService): Promise<number> => statusLine(service, "VmRSS");
const peakMiB = (service: RunningService): Promise<number> => statusLine(service, "VmHWM");
