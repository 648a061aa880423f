// npm run test:chaos -- [--seconds 240] [--apis 2] [--workers 3] [--bins 64] [--senders 8] [--lease-ms 15000]
// npm run test:chaos -- --standby                          PostgreSQL with a standby, failed over to in the middle of it all
// npm run test:chaos -- --points [--every 1] [--from 1]    what befalls a worker between any two steps of a publish
// npm run test:chaos -- --table [--engine PostgreSQL|SQLite] [--seeds 100] [--part 1/4]    the crash table and random schedules, on a real engine

import { parseArgs } from "node:util";
import { BLOWS, chaos, type Blow } from "./chaos.ts";
import { end, faultsOf, row, tellOutcome } from "../kill/outcome.ts";
import { everyPoint } from "./every-point.ts";
import { wholeTable } from "./whole-table.ts";

const TAKES_OVER_WITHIN_MS = 20_000;

const { values } = parseArgs({
  options: {
    seconds: { type: "string" }, standby: { type: "boolean", default: false }, apis: { type: "string", default: "2" }, workers: { type: "string", default: "3" },
    bins: { type: "string", default: "64" }, senders: { type: "string", default: "8" }, "lease-ms": { type: "string", default: "15000" },
    points: { type: "boolean" }, every: { type: "string", default: "1" }, from: { type: "string", default: "1" },
    table: { type: "boolean" }, engine: { type: "string", default: "PostgreSQL" }, seeds: { type: "string", default: "100" }, part: { type: "string", default: "1/1" },
  },
});
const tell = (what: string): void => { process.stderr.write(`${new Date().toISOString()} ${what}\n`); };
if (values.points === true) {
  const { struck, faults } = await everyPoint(Number(values.every), Number(values.from), tell);
  row("points struck", struck);
  end(faults);
}
if (values.table === true) {
  const [part = 1, parts = 1] = values.part.split("/").map(Number);
  const { engine } = values;
  if (engine !== "PostgreSQL" && engine !== "SQLite") throw new Error(`--engine is PostgreSQL or SQLite, not ${engine}`);
  const { cells, schedules, faults } = await wholeTable({ engine, part, parts, seeds: Number(values.seeds), tell });
  row("cells of the crash table", cells);
  row("random schedules", schedules);
  end(faults);
}
const leaseMs = Number(values["lease-ms"]);
const { standby } = values;
// There is one standby: what comes after it meets the new primary.
const blows: readonly Blow[] = standby ? ["kill an API", "fail over to the standby", "kill the leader", "restart PostgreSQL"] : BLOWS;
const figures = await chaos({
  apis: Number(values.apis), workers: Number(values.workers), bins: Number(values.bins), senders: Number(values.senders), leaseMs, standby,
  blows, seconds: standby ? 0 : Number(values.seconds ?? 240), tell,
});
for (const [blow, times] of Object.entries(figures.blows)) row(blow, times);
row("artifacts a second, added, changed or removed", Math.round(figures.artifacts / figures.seconds));
row("longest take-over, seconds", (Math.max(...figures.takeOvers) / 1000).toFixed(1));
tellOutcome(figures.outcome, figures.unsound);
row("seconds of load", Math.round(figures.seconds));

const faults = [
  ...faultsOf(figures.outcome, figures.unsound),
  ...figures.takeOvers.filter((ms) => ms > leaseMs + 5_000).map((ms) => `a take-over took ${(ms / 1000).toFixed(1)} s, at most ${String((leaseMs + 5_000) / 1000)} are allowed`),
];
if (leaseMs + 5_000 > TAKES_OVER_WITHIN_MS) process.stdout.write(`with this lease a take-over may take longer than ${String(TAKES_OVER_WITHIN_MS / 1000)} s\n`);
end(faults);
