// `npm run demo`: see what the service does, on the files of this checkout's node_modules.

import { join } from "node:path";
import { parseArgs } from "node:util";
import type { AttackOutcome } from "./attacks.ts";
import { runDemo, type DemoReport } from "./demo.ts";

const { values } = parseArgs({
  options: {
    tree: { type: "string", default: join(import.meta.dirname, "..", "..", "node_modules") },
    files: { type: "string", default: "5000" },
    downloads: { type: "string", default: "200" },
  },
});

const out = process.stdout;
let lastShown = 0;

function progress(stage: string, done: number, of: number): void {
  const due = performance.now() - lastShown > 100 || done === of;
  if (!due) return;
  lastShown = performance.now();
  const bar = "#".repeat(Math.round((done / of) * 30)).padEnd(30, ".");
  const line = `  [${bar}] ${String(done)} of ${String(of)} ${stage}`;
  if (out.isTTY) out.write(`\r${line}${done === of ? "\n" : ""}`);
  else if (done === of) out.write(`${line}\n`);
}

function attacked({ name, client, refusal }: AttackOutcome): void {
  out.write(`  ${refusal === undefined ? "ACCEPTED" : "refused "}  ${name.padEnd(38)} ${client.padEnd(7)} ${(refusal ?? "").replaceAll(/\s+/g, " ").slice(0, 100)}\n`);
}

function table(report: DemoReport): string {
  const rows: [string, string][] = [
    ["files", String(report.files)],
    ["bytes", `${(report.bytes / 1e6).toFixed(1)} MB`],
    ["hashing", `${report.hashSeconds.toFixed(1)} s`],
    ["announced until visible", `${report.publishSeconds.toFixed(1)} s`],
    ["artifacts per second", (report.files / report.publishSeconds).toFixed(0)],
    ["downloaded and verified", `${String(report.downloads)} files, ${(report.downloadedBytes / 1e6).toFixed(1)} MB, ${report.downloadSeconds.toFixed(1)} s`],
    ["attacks refused", `${String(report.attacks.filter((attack) => attack.refusal !== undefined).length)} of ${String(report.attacks.length)}`],
  ];
  return rows.map(([name, value]) => `  ${name.padEnd(26)}${value}\n`).join("");
}

out.write(`The files of ${values.tree}, announced to a trial repository:\n`);
const report = await runDemo({
  tree: values.tree,
  files: Number(values.files),
  requests: Math.max(5, Math.ceil(Number(values.files) / 1000)),
  downloads: Number(values.downloads),
  progress,
  attacked,
});
out.write(`\n${table(report)}`);
process.exitCode = report.attacks.every((attack) => attack.refusal !== undefined) ? 0 : 1;
