// `npm run bench`: the throughput budget at 256 and 16,384 bins, beside this machine's limits.
//
//   npm run bench -- [--bins 256,16384] [--rounds 30] [--bulk-rounds 3] [--preload 0]

import { parseArgs } from "node:util";
import { measureLimits } from "./limits.ts";
import { measureRows, type Row } from "./rows.ts";

const { values } = parseArgs({
  options: {
    bins: { type: "string", default: "256,16384" },
    rounds: { type: "string", default: "30" },
    "bulk-rounds": { type: "string", default: "3" },
    preload: { type: "string", default: "0" },
  },
});
const out = process.stdout;
const said = (what: string): void => { process.stderr.write(`  ${what}\n`); };

said("what this machine can do");
const limits = await measureLimits();
out.write(`\nLimits measured in this run
  Ed25519 signatures over 1 KB            ${limits.signatures.toFixed(0)} a second
  Ed25519 signature over 0.5 MB           ${limits.snapshotSignatureMs.toFixed(1)} ms
  durable file of 1 KB, one at a time     ${limits.durableFileMs.toFixed(2)} ms
  durable files of 1 KB, 16 in flight     ${limits.durableFiles.toFixed(0)} a second
  durable SQLite commit                   ${limits.durableCommitMs.toFixed(2)} ms
  SQLite rows in one transaction          ${limits.rows.toFixed(0)} a second
`);

let missed = 0;
for (const bins of values.bins.split(",").map(Number)) {
  said(`${String(bins)} bins`);
  const rows = await measureRows({ bins, rounds: { one: Number(values.rounds), bulk: Number(values["bulk-rounds"]) }, preload: Number(values.preload), limits, said });
  out.write(`\n${String(bins)} bins\n  ${"row".padEnd(52)}${"figure".padStart(12)}${"budget".padStart(12)}${"limit".padStart(12)}  ratio to limit\n`);
  for (const row of rows) for (const line of lines(row)) out.write(`  ${line}\n`);
}
out.write(missed === 0 ? "\nEvery row is within its budget.\n" : `\n${String(missed)} figure(s) above the budget.\n`);

function* lines(row: Row): Generator<string> {
  for (const { what, value, budget, limit } of row.figures) {
    const show = (amount: number): string => `${amount.toFixed(amount < 100 ? 1 : 0)} ${row.unit}`.padStart(12);
    if (value > budget) missed++;
    yield `${`${row.name}: ${what}`.padEnd(52)}${show(value)}${show(budget)}${limit === undefined ? "".padStart(12) : show(limit)}  ${limit === undefined ? "" : (value / limit).toFixed(1)}${value > budget ? "  over budget" : ""}`;
  }
}
