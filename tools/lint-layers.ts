// What `npm run lint:layers` runs: layers.mjs against every source file.
//
// dependency-cruiser answers "no violations" when it saw nothing at all (a TypeScript it
// cannot read, a moved folder). So this counts: every source file must be among the modules.

import { spawnSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { dirname, join, sep } from "node:path";

const root = dirname(import.meta.dirname);
/** Fewer modules than this under src/ means the sources moved, not that the project shrank. */
const MODULES_AT_LEAST = 180;

interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: { readonly name: string; readonly severity: string };
  readonly cycle?: readonly { readonly name: string }[];
  readonly via?: readonly { readonly name: string }[];
}
interface Cruise {
  readonly modules: readonly { readonly source: string }[];
  readonly summary: { readonly violations: readonly Violation[] };
}

const folders = ["src", "test", "console/src"].filter((folder) => existsSync(join(root, folder)));
const cruiser = join(root, "node_modules", "dependency-cruiser", "bin", "dependency-cruiser.mjs");
const run = spawnSync(process.execPath, [cruiser, "--config", "layers.mjs", "--output-type", "json", ...folders], {
  cwd: root,
  encoding: "utf8",
  maxBuffer: 512 * 1024 * 1024,
});
if (run.error !== undefined || run.stdout === "") {
  process.stderr.write(`${run.stderr}dependency-cruiser did not answer${run.error === undefined ? "" : `: ${run.error.message}`}\n`);
  process.exit(1);
}

const cruise = JSON.parse(run.stdout) as Cruise;
const seen = new Set(cruise.modules.map((module) => module.source));
const files = globSync("src/**/*.ts", { cwd: root }).map((file) => file.split(sep).join("/"));
const unseen = files.filter((file) => !seen.has(file));
const faults = cruise.summary.violations.map((violation) => {
  const path = (violation.cycle ?? violation.via ?? []).map((step) => step.name);
  return `${violation.rule.name}: ${violation.from} -> ${path.length > 0 ? path.join(" -> ") : violation.to}`;
});
faults.push(...unseen.map((file) => `not looked at: ${file}`));
if (files.length < MODULES_AT_LEAST) faults.push(`only ${files.length} modules under src/, expected at least ${MODULES_AT_LEAST}`);

for (const fault of faults) process.stdout.write(`${fault}\n`);
process.stdout.write(`${files.length} modules under src/, ${cruise.modules.length} in all, ${faults.length} faults\n`);
process.exitCode = faults.length === 0 ? 0 : 1;
