// How long `rstuf --help` takes, and commands that do next to nothing, beside an empty Node, the
// limit of this machine. In turns, so that what else the machine does falls on all alike.
//
//   npm run bench:help [-- ROUNDS]

import { spawnSync } from "node:child_process";
import { join } from "node:path";

const BIN = join(import.meta.dirname, "..", "..", "bin", "rstuf.js");
const BUDGET_MS = 150;
const rounds = Number(process.argv[2] ?? "25");

const rows: readonly { readonly name: string; readonly argv: readonly string[] }[] = [
  { name: "node -e 0 (limit)", argv: ["-e", "0"] },
  { name: "rstuf --help", argv: [BIN, "--help"] },
  { name: "rstuf --version", argv: [BIN, "--version"] },
  { name: "rstuf artifact add --help", argv: [BIN, "artifact", "add", "--help"] },
  { name: "rstuf admin ceremony --help", argv: [BIN, "admin", "ceremony", "--help"] },
];

const took = rows.map((): number[] => []);
// The first round fills caches, and does not count.
for (let round = 0; round <= rounds; round += 1) {
  for (const [at, { name, argv }] of rows.entries()) {
    const start = performance.now();
    const { status } = spawnSync(process.execPath, argv, { stdio: "ignore" });
    if (status !== 0) throw new Error(`${name} ended with ${String(status)}`);
    if (round > 0) took[at]?.push(performance.now() - start);
  }
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const limit = median(took[0] ?? []);
console.log(`${"".padEnd(30)}${"median".padStart(8)}${"least".padStart(8)}   times the limit   (ms, ${rounds} rounds, budget ${BUDGET_MS})`);
for (const [at, { name }] of rows.entries()) {
  const values = took[at] ?? [];
  const middle = median(values);
  const verdict = at === 0 ? "" : middle <= BUDGET_MS ? "within" : "over";
  console.log(`${name.padEnd(30)}${middle.toFixed(0).padStart(8)}${Math.min(...values).toFixed(0).padStart(8)}${(middle / limit).toFixed(1).padStart(12)}        ${verdict}`.trimEnd());
}
