// The page of a run: the machine, its limits, every figure beside budget and limit, what readers pay, plots.

import type { Figure } from "./figures.ts";
import type { Limits } from "./limits.ts";
import type { Plot } from "./plot.ts";
import { REQUESTS, type ReaderCost, type Size } from "./reader.ts";

export interface Run {
  readonly command: string;
  readonly started: string;
  readonly minutes: number;
  /** False: the run was cut off, or goes on. */
  readonly ended: boolean;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly limits: Record<string, Limits>;
  readonly figures: readonly Figure[];
  readonly readers: readonly ReaderCost[];
  /** Below the tables, a paragraph each. */
  readonly notes?: readonly string[];
}

export function page(run: Run, plots: readonly Plot[]): string {
  const places = Object.keys(run.limits).sort((a, b) => Number(a.startsWith("Postgre")) - Number(b.startsWith("Postgre")));
  return `# ${run.command}

Written by \`${run.command}\` on ${run.started.slice(0, 10)}, in ${String(run.minutes)} minutes${run.ended ? "" : " so far (**the run has not ended**: what is missing was not measured)"}: ${Object.entries(run.machine).map(([name, value]) => `${name} ${String(value)}`).join(", ")}.
What the columns mean: [README.md](README.md).

## What the machine can do

| | ${places.join(" | ")} |
|---|${places.map(() => "---|").join("")}
${LIMITS.map(([name, of]) => `| ${name} | ${places.map((place) => of(run.limits[place] as Limits)).join(" | ")} |`).join("\n")}

${places.map((place) => table(place, run.figures.filter((one) => one.place === place))).join("\n")}
${run.readers.length === 0 ? "" : `${readers(run.readers)}\n`}${(run.notes ?? []).map((note) => `${note}\n`).join("\n")}${plots.length === 0 ? "" : `## Plots

${plots.map(({ file, title }) => `![${title}](${file})`).join("\n\n")}
`}`;
}

const LIMITS: readonly (readonly [string, (limits: Limits) => string])[] = [
  ["Ed25519 signatures over 1 KB, a second", ({ signatures }) => whole(signatures)],
  ["Ed25519 signature over 0.5 MB", ({ snapshotSignatureMs }) => `${snapshotSignatureMs.toFixed(1)} ms`],
  ["durable file of 1 KB, one at a time", ({ durableFileMs }) => `${durableFileMs.toFixed(2)} ms`],
  ["durable files of 1 KB, 16 in flight, a second", ({ durableFiles }) => whole(durableFiles)],
  ["durable files of 1 KB, written and then synced, a second", ({ bulkFiles }) => whole(bulkFiles)],
  ["durable bytes, a second", ({ bytes }) => `${whole(bytes / 2 ** 20)} MiB`],
  ["durable transaction of one row", ({ durableCommitMs }) => `${durableCommitMs.toFixed(2)} ms`],
  ["sorted rows in one transaction, a second", ({ rows }) => whole(rows)],
];

function table(place: string, figures: readonly Figure[]): string {
  return `## ${place}

| what | at | median | p95 | samples | CPU | budget | limit | ratio | |
|---|---|---|---|---|---|---|---|---|---|
${figures.map(row).join("\n")}
`;
}

function row(one: Figure): string {
  const show = (value: number | undefined): string => (value === undefined ? "" : `${value < 100 && one.unit === "ms" ? value.toFixed(1) : whole(value)} ${one.unit}`);
  const over = (one.budget !== undefined && one.median > one.budget) || (one.budgetP95 !== undefined && one.p95 > one.budgetP95);
  const budget = one.budget === undefined ? "" : `${show(one.budget)}${one.budgetP95 === undefined ? "" : ` / ${show(one.budgetP95)}`}`;
  const ratio = one.limit === undefined ? "" : (one.median / one.limit).toFixed(1);
  const cells = [
    one.row, one.factor === undefined ? "" : `${one.factor} ${one.x?.toLocaleString("en") ?? ""}`, show(one.median), one.count > 1 ? show(one.p95) : "", String(one.count),
    one.cpuMs === undefined ? "" : `${whole(one.cpuMs)} ms`, budget, show(one.limit), ratio, over ? "over" : "",
  ];
  return `| ${cells.join(" | ")} |`;
}

function readers(costs: readonly ReaderCost[]): string {
  const size = ({ plain, gzip, zstd }: Size): string => `${kilo(plain)} / ${kilo(gzip)} / ${kilo(zstd)}`;
  return `## What readers pay

Kilobytes (1,000 bytes) plain / gzip / zstd, for an update after something was published and a look-up of one artifact.
A fresh client makes ${String(REQUESTS.fresh)} requests, a returning one ${String(REQUESTS.returning)}, one of each for a root that is not there. *Advised* is what \`rstuf admin advise\` reckons for the same, plain.

| artifacts | bins | a bin has | snapshot | bin | returning client | fresh client | advised: returning / fresh |
|---|---|---|---|---|---|---|---|
${costs.map((one) => `| ${whole(one.artifacts)} | ${whole(one.bins)} | ${whole(one.targetsPerBin)} | ${size(one.snapshot)} | ${size(one.bin)} | ${size(one.returning)} | ${size(one.fresh)} | ${kilo(one.advised.returning)} / ${kilo(one.advised.fresh)} |`).join("\n")}
`;
}

const whole = (value: number): string => Math.round(value).toLocaleString("en");
const kilo = (bytes: number): string => (bytes / 1000).toLocaleString("en", { maximumFractionDigits: bytes < 100_000 ? 1 : 0 });
