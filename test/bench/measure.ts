// The rows of the throughput budget (docs/performance/), and how each grows, one factor at a time.

import { figure, type Figure } from "./figures.ts";
import type { Limits } from "./limits.ts";
import type { Place } from "./place.ts";
import { ourClient } from "./reader.ts";
import { Stage } from "./stage.ts";

export interface Sizes {
  readonly bins: number;
  readonly artifacts: number;
  readonly rounds: number;
  readonly factors: {
    readonly artifacts: readonly number[];
    readonly bins: readonly number[];
    /** Artifacts in the repositories whose bins are varied. */
    readonly artifactsOfBins: number;
    /** Artifacts in the repository that is asked for several at a time, one of `artifacts`; 0: before there are others. */
    readonly artifactsOfRequests: number;
    readonly concurrency: readonly number[];
    readonly perRequest: readonly number[];
  };
}

export type Said = (what: string) => void;
/** Hears each figure as soon as it is known: what comes after may be cut off. */
export type Keep = (...figures: readonly Figure[]) => void;

interface Measured {
  readonly times: readonly number[];
  readonly cpuMs: number;
}

/** `rounds` times, and the CPU time of the service for each. One round before them counts for nothing. */
async function times(stage: Stage, rounds: number, work: () => Promise<number>): Promise<Measured> {
  await work();
  const before = await stage.cpuMs();
  const all: number[] = [];
  for (let i = 0; i < rounds; i++) all.push(await work());
  return { times: all, cpuMs: Math.round((await stage.cpuMs() - before) / rounds) };
}

/**
 * The least that any implementation with these promises would take here: of one publish three durable files one after
 * another, three durable commits (accepted, committed, visible), two small signatures and the snapshot's.
 */
export function floors(limits: Limits, bins: number): { readonly publish: number; readonly roles: (count: number) => number; readonly rows: (count: number) => number } {
  const publish = 3 * limits.durableCommitMs + 3 * limits.durableFileMs + 2000 / limits.signatures + limits.snapshotSignatureMs * (bins / 16_384);
  return {
    publish,
    roles: (count) => publish + (count * 1000) / Math.max(limits.bulkFiles, limits.durableFiles) + (count * 1000) / limits.signatures,
    // Written once when they are accepted, once when they are published.
    rows: (count) => (2 * count * 1000) / limits.rows,
  };
}

/** How many of `bins` bins `count` artifacts touch, on average. */
const touched = (bins: number, count: number): number => bins * (1 - (1 - 1 / bins) ** count);

/** Rows of a repository that fills up, up to `sizes.artifacts`. */
export async function measureRows(sizes: Sizes, place: Place, limits: Limits, keepAll: Keep, said: Said): Promise<void> {
  const { bins, artifacts, rounds, factors } = sizes;
  const floor = floors(limits, bins);
  const keep: Keep = (...some) => { keepAll(...(place.name === "SQLite, folder" ? some : some.map(withoutBudget))); };
  const add = (row: string, { times: values, cpuMs }: Measured, rest: Partial<Figure> = {}): void => { keep(figure(place.name, row, values, { cpuMs, ...rest })); };
  const single = (row: string, value: number, rest: Partial<Figure>): void => { keep(figure(place.name, row, [value], rest)); };
  const one = { budget: 40, budgetP95: 120, limit: floor.publish };
  said("bootstrap");
  const stage = await Stage.open(bins, place);
  const several = async (): Promise<void> => {
    said("1,000 concurrent requests");
    add("1,000 concurrent requests of one artifact, all visible", await times(stage, Math.min(5, Math.ceil(rounds / 5)), () => stage.concurrent(1000)), { budget: 2000, limit: floor.roles(touched(bins, 1000)) });
    for (const count of factors.concurrency) {
      said(`${String(count)} concurrent requests`);
      add("requests at one time, all visible", await times(stage, 7, () => stage.concurrent(count)), { factor: "concurrency", x: count, limit: floor.roles(touched(bins, count)) });
    }
    for (const count of factors.perRequest) {
      said(`${String(count)} artifacts in a request`);
      const budget = count === 1000 ? { budget: 2000 } : count === 10_000 ? { budget: 12_000 } : {};
      add("artifacts in one request, all visible", await times(stage, count < 3000 ? 7 : 3, () => stage.add(count)), { factor: "artifacts per request", x: count, limit: floor.roles(touched(bins, count)) + floor.rows(count), ...budget });
    }
  };
  try {
    single("bootstrap, start of the program included", stage.startMs, { cpuMs: await stage.cpuMs(), budget: 8000, limit: floor.roles(bins) });
    await untilQuiet(stage);
    // Idle threads collect within two looks of five seconds (lib/tidy.ts), and the engine keeps what that freed for eight more.
    await new Promise((resolve) => setTimeout(resolve, 25_000));
    single("memory at rest", await stage.memoryMiB("VmRSS"), { unit: "MiB", budget: 200 });
    said("one artifact in an empty repository");
    add("one artifact visible", await times(stage, rounds, () => stage.add(1)), { factor: "artifacts", x: 0, ...one });
    if (factors.artifactsOfRequests === 0) await several();
    for (const count of growing(factors.artifacts, artifacts)) {
      const added = count - stage.count;
      if (added <= 0) continue;
      said(`importing ${String(added)} artifacts, up to ${String(count)}`);
      const { value, times: beside } = await stage.beside(stage.import(added));
      const budget = added > 900_000 && added <= 1_000_000 ? { budget: 60_000 } : {};
      single("import published", value.publishedMs, { factor: "artifacts added", x: added, cpuMs: value.cpuMs, limit: floor.roles(touched(bins, added)) + floor.rows(added), ...budget });
      single("import read", value.uploadedMs, { factor: "artifacts added", x: added, cpuMs: value.uploadCpuMs, limit: floor.rows(added) / 2 });
      keep(figure(place.name, "one artifact visible during an import", beside, { factor: "artifacts", x: count }));
      await untilQuiet(stage);
      const visible = await times(stage, rounds, () => stage.add(1));
      add("one artifact visible", visible, { factor: "artifacts", x: count, ...one });
      if (count === factors.artifactsOfBins) add("one artifact visible", visible, { factor: "bins", x: bins, ...one });
      single("memory", await stage.memoryMiB("VmRSS"), { unit: "MiB", factor: "artifacts", x: count });
      if (count === factors.artifactsOfRequests) await several();
    }
    said("our client");
    keep(figure(place.name, "our client, refresh and look-up, warm", await ourClient(stage), { factor: "bins", x: bins, ...(bins === 16_384 ? { budget: 150 } : {}) }));
    said("a new version of every role");
    const before = await stage.cpuMs();
    const refreshed = await stage.beside(stage.refreshAll());
    single("a new version of every role", refreshed.value, { cpuMs: await stage.cpuMs() - before, ...(artifacts <= 1_000_000 ? { budget: 25_000 } : {}), limit: floor.roles(bins) });
    keep(figure(place.name, "one artifact visible while every role is refreshed", refreshed.times));
    single("memory at any time", await stage.memoryMiB("VmHWM"), { unit: "MiB", budget: 700 });
  } finally {
    await stage.close();
  }
}

/** The budget is that of one machine and its folder. */
const withoutBudget = ({ budget: _, budgetP95: __, ...rest }: Figure): Figure => rest;

/** One repository for each number of bins. */
export async function measureBins({ factors, rounds }: Sizes, place: Place, limits: Limits, keep: Keep, said: Said): Promise<void> {
  for (const bins of factors.bins) {
    said(`${String(bins)} bins`);
    const floor = floors(limits, bins);
    const stage = await Stage.open(bins, place);
    try {
      const at = { factor: "bins", x: bins };
      keep(figure(place.name, "bootstrap, start of the program included", [stage.startMs], { ...at, limit: floor.roles(bins) }));
      const { publishedMs, cpuMs } = await stage.import(factors.artifactsOfBins);
      keep(figure(place.name, `import of ${factors.artifactsOfBins.toLocaleString("en")} published`, [publishedMs], { ...at, cpuMs, limit: floor.roles(bins) + floor.rows(factors.artifactsOfBins) }));
      await untilQuiet(stage);
      const { times: values, cpuMs: cpu } = await times(stage, rounds, () => stage.add(1));
      keep(figure(place.name, "one artifact visible", values, { ...at, cpuMs: cpu, limit: floor.publish }));
      keep(figure(place.name, "our client, refresh and look-up, warm", await ourClient(stage), at));
    } finally {
      await stage.close();
    }
  }
}

const growing = (steps: readonly number[], last: number): readonly number[] => [...new Set([...steps.filter((n) => n > 0 && n < last), last])].sort((a, b) => a - b);

/** Until the service has taken no CPU time for a while: what it does behind a publish is no part of the next one. */
export async function untilQuiet(stage: Stage): Promise<void> {
  for (let before = await stage.cpuMs(), still = 0; still < 3;) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const now = await stage.cpuMs();
    still = now - before <= 10 ? still + 1 : 0;
    before = now;
  }
}
