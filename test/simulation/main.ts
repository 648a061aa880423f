// Random schedules by the thousand: `npm run simulate -- --seeds 2000 [--from 1]`, or one again
// with every step: `npm run simulate -- --seed 42`. Ends with 1 when a promise was broken.

import { parseArgs } from "node:util";
import { reasonOf } from "../../src/lib/app-error.ts";
import { simulate, type Outcome } from "./schedule.ts";

const { values } = parseArgs({ options: { seeds: { type: "string", default: "1000" }, from: { type: "string", default: "1" }, seed: { type: "string" } } });

if (values.seed === undefined) await many(Number(values.from), Number(values.seeds));
else tell(await simulate(Number(values.seed)), true);

async function many(from: number, count: number): Promise<void> {
  const counts = new Map<string, number>();
  let broken = 0;
  for (let seed = from; seed < from + count; seed++) {
    const outcome = await simulate(seed);
    for (const [kind, times] of outcome.counts) counts.set(kind, (counts.get(kind) ?? 0) + times);
    if (outcome.violation === undefined) continue;
    broken += 1;
    if (broken <= 3) tell(outcome, true);
    else process.stdout.write(`seed ${String(seed)}: ${reasonOf(outcome.violation)}\n`);
  }
  process.stdout.write(`${[...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kind, times]) => `${kind} ${String(times)}`).join(", ")}\n`);
  process.stdout.write(`${String(count)} schedules, ${String(broken)} broke a promise\n`);
  process.exitCode = broken === 0 ? 0 : 1;
}

function tell({ seed, steps, violation }: Outcome, whole: boolean): void {
  if (whole) process.stdout.write(`${steps.join("\n")}\n`);
  if (violation === undefined) {
    process.stdout.write(`seed ${String(seed)} keeps every promise\n`);
    return;
  }
  process.exitCode = 1;
  process.stdout.write(`seed ${String(seed)} breaks one: ${violation.stack ?? violation.message}\nrun it again: npm run simulate -- --seed ${String(seed)}\n`);
}
