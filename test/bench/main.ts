// `npm run bench`, `bench:full`, `bench:soak`: measures, and writes tables and plots to docs/performance/.
//
//   npm run bench -- [--bins 16384] [--artifacts 1000000] [--rounds 30] [--place both|folder|bucket] [--out docs/performance] [--compare FILE]
//   npm run bench:soak -- [--minutes 20]        exit code 1 when latency, memory or disk grow
//
// `--compare` reads the figures of another run (a `.json` beside its page) and tells what got slower from noise; then the
// exit code is 1 when something did.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compared, nameOf, type Figure } from "./figures.ts";
import { measureSignatures, type Limits } from "./limits.ts";
import { measureBins, measureRows, type Sizes } from "./measure.ts";
import { page, type Run } from "./page.ts";
import { bucketPlace, folderPlace, type Place } from "./place.ts";
import { plotsOf } from "./plot.ts";
import { besidePep458, PEP_458 } from "./pep-458.ts";
import { readerCosts, sizeOf, type ReaderCost } from "./reader.ts";
import { soak } from "./soak.ts";
import { Stage } from "./stage.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bins: { type: "string", default: "16384" },
    artifacts: { type: "string" },
    rounds: { type: "string" },
    minutes: { type: "string", default: "20" },
    place: { type: "string", default: "both" },
    out: { type: "string", default: "docs/performance" },
    compare: { type: "string" },
  },
});
const mode = positionals[0] ?? "bench";
if (mode !== "bench" && mode !== "full" && mode !== "soak") throw new Error(`there is bench, full and soak, and no ${mode}`);
const full = mode === "full";
const bins = Number(values.bins);
const artifacts = Number(values.artifacts ?? { bench: 1_000_000, full: 10_000_000, soak: 100_000 }[mode]);
const sizes: Sizes = {
  bins,
  artifacts,
  rounds: Number(values.rounds ?? (full ? 100 : 40)),
  factors: {
    artifacts: full ? [10_000, 100_000, 1_000_000] : [],
    bins: (full ? [256, 1024, 4096] : [256, 2048]).filter((one) => one < bins),
    artifactsOfBins: Math.min(artifacts, full ? 1_000_000 : 20_000),
    artifactsOfRequests: full ? Math.min(artifacts, 1_000_000) : 0,
    concurrency: (full ? [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] : [1, 8, 64, 512]).filter((one) => one <= artifacts),
    perRequest: (full ? [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000] : [1, 10, 100, 1000, 10_000]).filter((one) => one <= artifacts),
  },
};
/** In a bucket every file is a request, and its server runs beside us: fewer artifacts show the same. */
const sizesInBucket: Sizes = full
  ? { ...sizes, artifacts: Math.min(artifacts, 200_000), rounds: Math.min(sizes.rounds, 40), factors: { ...sizes.factors, artifacts: [20_000], artifactsOfBins: Math.min(artifacts, 20_000), artifactsOfRequests: Math.min(artifacts, 20_000) } }
  : { bins: Math.min(bins, 1024), artifacts: Math.min(artifacts, 5_000), rounds: Math.min(sizes.rounds, 15), factors: { ...sizes.factors, bins: [], concurrency: [1, 64], perRequest: [1, 1000] } };
const started = new Date();
const said = (what: string): void => { process.stderr.write(`${String(Math.round((Date.now() - started.getTime()) / 1000)).padStart(5)} s  ${what}\n`); };
const load = loadavg()[0] ?? 0;
const figures: Figure[] = [];
const limits: Run["limits"] = {};
const readers: ReaderCost[] = [];
const notes: string[] = [];
let ended = false;
const keep = (...some: readonly Figure[]): void => {
  figures.push(...some);
  write();
};
for (const open of placesOf(values.place)) {
  const place = await open();
  try {
    said(`${place.name}: what this machine can do`);
    const own: Limits = { ...measureSignatures(), ...(await place.limits()) };
    limits[place.name] = own;
    if (mode === "soak") {
      const levels = await soak({ minutes: Number(values.minutes), bins, artifacts }, place, keep, said);
      notes.push(`## Whether it stays level\n\n${levels.map(({ words }) => `- ${words}`).join("\n")}\n`);
      if (!levels.every(({ flat }) => flat)) process.exitCode = 1;
      break;
    }
    const here = sizesOf(place.name);
    // The whole run ends with its longest rows, those of ten million: what cuts it off costs the least.
    for (const measure of full ? [measureBins, measureRows] : [measureRows, measureBins]) await measure(here, place, own, keep, said);
    if (readers.length === 0) await reckonReaders(place);
  } finally {
    await place.close();
  }
}

ended = true;
process.stdout.write(write());
if (values.compare !== undefined) compareWith(values.compare);

function sizesOf(place: string): Sizes {
  return place === "SQLite, folder" ? sizes : sizesInBucket;
}

/** The figures so far, as JSON, page and plots: a run that is cut off keeps them. Answers the page. */
function write(): string {
  const command = `npm run bench${mode === "bench" ? "" : `:${mode}`} -- ${process.argv.slice(2).filter((one) => one !== mode).join(" ")}`.replace(/ -- $/, "");
  const run: Run = {
    command,
    started: started.toISOString(),
    minutes: Math.round((Date.now() - started.getTime()) / 60_000),
    ended,
    machine: { cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length, memory: `${String(Math.round(totalmem() / 2 ** 30))} GiB`, node: process.version, platform: `${process.platform} ${process.arch}`, "load before": load.toFixed(1) },
    limits, figures, readers, notes,
  };
  mkdirSync(values.out, { recursive: true });
  const { readers: _, notes: __, ...kept } = run;
  writeFileSync(join(values.out, `${mode}.json`), `${JSON.stringify(kept)}\n`);
  const plots = plotsOf(figures, mode, (place) => sizesOf(place).bins);
  for (const { file, svg } of plots) writeFileSync(join(values.out, file), svg);
  const text = page(run, plots);
  writeFileSync(join(values.out, `${mode}.md`), text);
  return text;
}

function placesOf(name: string): readonly (() => Promise<Place>)[] {
  const folder = (): Promise<Place> => Promise.resolve(folderPlace());
  if (name === "folder" || mode === "soak") return [folder];
  if (name === "bucket") return [bucketPlace];
  if (name !== "both") throw new Error(`--place is folder, bucket or both, and not ${name}`);
  return full ? [bucketPlace, folder] : [folder, bucketPlace];
}

async function reckonReaders(place: Place): Promise<void> {
  said("what readers pay");
  const stage = await Stage.open(16, place);
  try {
    const top = await stage.topLevel();
    readers.push(...readerCosts([100_000, 1_000_000, 10_000_000], [256, 1024, 4096, 16_384], top));
    const [same] = readerCosts([PEP_458.artifacts], [PEP_458.bins], top);
    if (same !== undefined) notes.push(besidePep458(same, sizeOf(top.targets)));
  } finally {
    await stage.close();
  }
}

function compareWith(file: string): void {
  const before = new Map((JSON.parse(readFileSync(file, "utf8")) as { figures: Figure[] }).figures.map((one) => [nameOf(one), one]));
  let compares = 0;
  process.stdout.write(`\nBeside ${file}:\n`);
  for (const now of figures) {
    const old = before.get(nameOf(now));
    if (old === undefined) continue;
    compares += 1;
    const verdict = compared(old, now);
    if (verdict === "same") continue;
    if (verdict === "slower") process.exitCode = 1;
    process.stdout.write(`${now.unit === "ms" ? verdict : verdict === "slower" ? "more" : "less"}: ${nameOf(now)}: ${String(old.median)} -> ${String(now.median)} ${now.unit}\n`);
  }
  process.stdout.write(`${String(compares)} figures compared; those not named differ by no more than noise.\n`);
}
