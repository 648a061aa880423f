// The crash table, and random schedules, with their state on a real engine.

import { offerServers } from "../servers/offer.ts";
import { REAL_ENGINES } from "../crash/engine.ts";
import { execute } from "../crash/execute.ts";
import { overtakenCommit } from "../crash/overtaken-case.ts";
import { crashTable, isInMemoryOnly } from "../crash/table.ts";
import { World } from "../crash/world.ts";
import { simulate } from "../simulation/schedule.ts";

export interface TableRun {
  readonly engine: keyof typeof REAL_ENGINES;
  /** Of its rows the `part`th of `parts`, from 1: each takes its time. */
  readonly part: number;
  readonly parts: number;
  readonly seeds: number;
  readonly tell: (what: string) => void;
}

export async function wholeTable({ engine: name, part, parts, seeds, tell }: TableRun): Promise<{ readonly cells: number; readonly schedules: number; readonly faults: readonly string[] }> {
  const servers = offerServers();
  Object.assign(process.env, servers.environment);
  const engine = await REAL_ENGINES[name]();
  World.engine = engine;
  const faults: string[] = [];
  let cells = 0;
  try {
    if (part === 1) await overtakenCommit().catch((error: unknown) => { faults.push(`a commit that was overtaken: ${String(error)}`); });
    for (const [index, row] of crashTable().filter((each) => !isInMemoryOnly(each)).entries()) {
      if (index % parts !== part - 1) continue;
      const [told] = await execute([row]);
      for (const [at, { kind, expected }] of row.cells.entries()) {
        cells += 1;
        if (told?.[at] !== expected) faults.push(`${row.call} during ${row.scenario}, ${kind}: ${String(told?.[at])} where ${expected} is right`);
      }
      tell(`${row.call} during ${row.scenario}${faults.length === 0 ? "" : `; ${String(faults.length)} faults until here`}`);
    }
    let schedules = 0;
    for (let seed = part; seed <= seeds; seed += parts) {
      const { violation, steps } = await simulate(seed);
      if (violation !== undefined) faults.push(`seed ${String(seed)}: ${String(violation.stack)}\n${steps.join("\n")}`);
      if (++schedules % 10 === 0) tell(`${String(schedules)} schedules`);
    }
    return { cells, schedules, faults };
  } finally {
    await engine.end();
    await servers.end();
  }
}
