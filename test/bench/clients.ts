// `npm run bench:clients`: our client beside python-tuf, go-tuf and tuf-js, by number of bins; needs Python and Go, as interop does.
//
//   npm run bench:clients -- [--artifacts 100000] [--rounds 5] [--out docs/performance] [--tuf-js-at-16384]
//
// Each is a program of its own that refreshes, looks one artifact up and downloads it, a kilobyte, over loopback. What a
// program takes to start is in the times: the column of 2 bins shows it, and what the bins cost is the difference.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { GO_TUF, outputOf, OutputError, PYTHON_TUF, TUF_JS, type Client, type ClientReport } from "../interop/clients.ts";
import { install } from "../interop/install.ts";
import { median } from "./limits.ts";
import { folderPlace } from "./place.ts";
import { ourClient } from "./reader.ts";
import { Stage } from "./stage.ts";

const { values } = parseArgs({
  options: {
    artifacts: { type: "string", default: "100000" }, rounds: { type: "string", default: "5" }, out: { type: "string", default: "docs/performance" },
    bins: { type: "string", default: "2,1024,16384" }, "tuf-js-at-16384": { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const sizes = values.bins.split(",").map(Number);
const TIME_OUT_MS = 900_000;
/** More takes tuf-js minutes: once, when it is asked for. */
const TUF_JS_BINS = 1024;
const said = (what: string): void => { process.stderr.write(`  ${what}\n`); };

install(said);
const rows = new Map<string, string[]>();
for (const bins of sizes) {
  said(`${String(bins)} bins`);
  const stage = await Stage.open(bins, folderPlace());
  try {
    if (bins > 2) await stage.import(Number(values.artifacts));
    const path = await stage.addFile();
    const inProcess = await ourClient(stage, rounds);
    cell("our client, in a program that runs already", "", `${median(inProcess).toFixed(0)} ms returning`);
    for (const { name, command } of [{ name: "`rstuf download`", command: undefined }, PYTHON_TUF, GO_TUF, TUF_JS] as readonly { name: string; command: Client["command"] | undefined }[]) {
      if (name === "tuf-js" && bins > TUF_JS_BINS && !values["tuf-js-at-16384"]) {
        cell(name, "", "not run");
        continue;
      }
      said(name);
      const many = name === "tuf-js" && bins > TUF_JS_BINS ? 1 : rounds;
      const cache = join(stage.folder, `cache-${name.replace(/\W/g, "")}`);
      const fresh = await timed(() => run(stage, command, cache, path));
      const returning: number[] = [];
      for (let i = 0; i < many && Number.isFinite(fresh); i++) {
        await stage.add(1);
        returning.push(await timed(() => run(stage, command, cache, path)));
      }
      cell(name, `${inWords(fresh)} fresh`, returning.length === 0 ? "" : `, ${inWords(median(returning))} returning`);
    }
  } finally {
    await stage.close();
  }
}
const text = `# Clients

Written by \`npm run bench:clients\`, medians of ${String(rounds)}: refresh, look-up and download of one artifact of ${Number(values.artifacts).toLocaleString("en")}, over loopback.
Programs include their start, which is nearly all of the column of 2 bins.

| client | ${sizes.map((bins) => `${bins.toLocaleString("en")} bins`).join(" | ")} |
|---|${sizes.map(() => "---|").join("")}
${[...rows].map(([name, cells]) => `| ${name} | ${cells.join(" | ")} |`).join("\n")}
`;
mkdirSync(values.out, { recursive: true });
writeFileSync(join(values.out, "clients.md"), text);
process.stdout.write(text);

function cell(name: string, fresh: string, returning: string): void {
  rows.set(name, [...(rows.get(name) ?? []), fresh + returning]);
}

/** Infinity: it was cut off. Whatever else failed ends the run. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  try {
    await work();
  } catch (error) {
    if (error instanceof OutputError && error.timedOut) return Infinity;
    throw error;
  }
  return performance.now() - start;
}

function inWords(ms: number): string {
  return ms < 10_000 ? `${ms.toFixed(0)} ms` : Number.isFinite(ms) ? `${(ms / 1000).toFixed(0)} s` : `not done in ${String(TIME_OUT_MS / 60_000)} minutes`;
}

async function run(stage: Stage, command: Client["command"] | undefined, cache: string, path: string): Promise<void> {
  const { metadataUrl: metadata, artifactsUrl: artifacts, trustedRoot: root } = stage;
  if (command === undefined) {
    await outputOf([process.execPath, join(import.meta.dirname, "../../bin/rstuf.js"), "download", path, "--root", root, "--metadata-url", metadata, "--artifacts-url", artifacts, "--cache-dir", cache, "-P", join(cache, "files")], { timeOutMs: TIME_OUT_MS });
    return;
  }
  const report = JSON.parse(await outputOf([...command, "--metadata", metadata, "--artifacts", artifacts, "--root", root, "--cache", cache, "--plain-names", "--", path], { timeOutMs: TIME_OUT_MS })) as ClientReport;
  if (report.targets[path]?.state !== "downloaded") throw new Error(`${command.join(" ")}: ${JSON.stringify(report).slice(0, 300)}`);
}
