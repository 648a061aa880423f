// The crash table, and random schedules, with their state on a PostgreSQL.

import { offerServers } from "../servers/offer.ts";
import { startPostgresEngine } from "../crash/engine.ts";
import { execute } from "../crash/execute.ts";
import { COMMITS_LOST, crashTable } from "../crash/table.ts";
import { World } from "../crash/world.ts";
import { simulate } from "../simulation/schedule.ts";

export async function wholeTable(seeds: number, tell: (what: string) => void): Promise<{ readonly cells: number; readonly schedules: number; readonly faults: readonly string[] }> {
  const servers = offerServers();
  Object.assign(process.env, servers.environment);
  const engine = await startPostgresEngine();
  World.engine = engine;
  const faults: string[] = [];
  let cells = 0;
  try {
    // What only a database in memory can do (to lose transactions) is tried there, and on a real server by test/postgres/lost.test.ts.
    for (const row of crashTable().filter(({ call, scenario }) => call !== COMMITS_LOST && scenario !== "adopt")) {
      const [told] = await execute([row]);
      for (const [at, { kind, expected }] of row.cells.entries()) {
        cells += 1;
        if (told?.[at] !== expected) faults.push(`${row.call} during ${row.scenario}, ${kind}: ${String(told?.[at])} where ${expected} is right`);
      }
      tell(`${row.call} during ${row.scenario}`);
    }
    for (let seed = 1; seed <= seeds; seed++) {
      const { violation, steps } = await simulate(seed);
      if (violation !== undefined) faults.push(`seed ${String(seed)}: ${String(violation.stack)}\n${steps.join("\n")}`);
      if (seed % 10 === 0) tell(`${String(seed)} schedules`);
    }
    return { cells, schedules: seeds, faults };
  } finally {
    await engine.end();
    await servers.end();
  }
}
