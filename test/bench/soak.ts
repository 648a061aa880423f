// A day of an index, compressed: releases, bursts, removals, refreshes, and files that grow old; how latency, memory and
// disk are from part to part of it, and whether they stay level (trend.ts).
//
// Files may go a day after the last timestamp that reaches them, so that in half an hour none would. Here time passes for
// them: what may go tomorrow, by the database, may go now, once a minute. Everything else runs by the clock.

import { DatabaseSync } from "node:sqlite";
import { figure } from "./figures.ts";
import type { Keep, Said } from "./measure.ts";
import { median } from "./limits.ts";
import type { Place } from "./place.ts";
import { Stage } from "./stage.ts";
import { judged, type Verdict } from "./trend.ts";

export interface SoakSizes {
  readonly minutes: number;
  readonly bins: number;
  readonly artifacts: number;
}

const PARTS = 8;
const AGE_EVERY_MS = 20_000;
const BETWEEN_MS = 250;
/** At the most; the next tick begins it. */
const SETTLED_MS = 30_000;

export async function soak({ minutes, bins, artifacts }: SoakSizes, place: Place, keep: Keep, said: Said): Promise<readonly Verdict[]> {
  const stage = await Stage.open(bins, place, { RSTUF_PUBLISHER_TICK_MS: "1000", RSTUF_RETENTION_MAX_EVENTS: "1000" });
  const medians: number[] = [];
  const memory: number[] = [];
  const disks: { readonly files: number; readonly MiB: number }[] = [];
  const cpu: number[] = [];
  try {
    said(`importing ${String(artifacts)} artifacts`);
    await stage.import(artifacts);
    let aged = performance.now();
    let n = 0;
    for (let part = 1; part <= PARTS; part++) {
      const latencies: number[] = [];
      const bursts: number[] = [];
      const before = await stage.cpuMs();
      const end = performance.now() + (minutes * 60_000) / PARTS;
      while (performance.now() < end) {
        n += 1;
        latencies.push(await stage.add(1));
        if (n % 20 === 0) bursts.push(await stage.add(500));
        if (n % 20 === 10) await stage.remove(500);
        if (n % 300 === 0) await stage.refreshAll();
        if (performance.now() - aged > AGE_EVERY_MS) {
          aged = performance.now();
          age(stage);
        }
        await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
      }
      const at = { factor: "part of the day", x: part };
      const cpuMs = Math.round((await stage.cpuMs() - before) / latencies.length);
      await settled(stage);
      const disk = await stage.disk();
      const resident = await stage.memoryMiB("VmRSS");
      medians.push(median(latencies));
      memory.push(resident);
      disks.push(disk);
      cpu.push(cpuMs);
      keep(
        figure(place.name, "soak: one artifact visible", latencies, { ...at, cpuMs }),
        ...(bursts.length === 0 ? [] : [figure(place.name, "soak: 500 artifacts visible", bursts, at)]),
        figure(place.name, "soak: resident memory", [resident], { ...at, unit: "MiB" }),
        figure(place.name, "soak: disk", [disk.MiB], { ...at, unit: "MiB" }),
        figure(place.name, "soak: files on disk", [disk.files], { ...at, unit: "files" }),
      );
      said(`part ${String(part)} of ${String(PARTS)}`);
    }
  } finally {
    await stage.close();
  }
  return [
    { what: "Latency of one artifact, the median of a part", unit: "ms", values: medians, bound: 0.2, least: 5 },
    { what: "CPU time for each of them", unit: "ms", values: cpu, bound: 0.2, least: 5 },
    { what: "Resident memory", unit: "MiB", values: memory, bound: 0.1, least: 20 },
    { what: "Disk", unit: "MiB", values: disks.map(({ MiB }) => MiB), bound: 0.1, least: 20 },
    { what: "Files", unit: "files", values: disks.map(({ files }) => files), bound: 0.1, least: 500 },
  ].map(judged);
}

/** Until what is old has gone: what is not yet is as much as half of the disk, by the second at which one looks. */
async function settled(stage: Stage): Promise<void> {
  age(stage);
  using db = new DatabaseSync(stage.database, { readOnly: true, timeout: 5_000 });
  const due = db.prepare("SELECT count(*) AS due FROM garbage WHERE not_before_ms = 0");
  for (const end = performance.now() + SETTLED_MS; (due.get() as { due: number }).due > 0 && performance.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Time passes: files left behind a minute ago are old now, and so are tasks. */
function age(stage: Stage): void {
  using db = new DatabaseSync(stage.database, { timeout: 5_000 });
  const month = 31 * 86_400_000;
  db.exec(`UPDATE garbage SET not_before_ms = 0; UPDATE result SET ended_ms = ended_ms - ${String(month)} WHERE ended_ms > ${String(month)}`);
}
