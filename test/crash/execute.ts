// The rows of the crash table, executed: for each cell what came of it, or how it broke a promise.
// Runs in a thread of its own (../fakes/apart.ts): it makes millions of promises, each of which
// the test runner would follow.

import assert from "node:assert/strict";
import { runAccept } from "./accept-case.ts";
import type { FaultKind } from "./actor.ts";
import { runAdopt, runLost } from "./adopt-case.ts";
import { runCase, type Facts } from "./case.ts";
import { REAL_ENGINES } from "./engine.ts";
import { overtakenCommit } from "./overtaken-case.ts";
import { SCENARIOS } from "./scenarios.ts";
import { cellText, COMMITS_LOST, type TableRow } from "./table.ts";
import { World } from "./world.ts";

/** As `execute`, on a real engine; and what came of a commit that its successor overtook. */
export async function executeOn(name: keyof typeof REAL_ENGINES, rows: readonly TableRow[]): Promise<{ readonly told: Awaited<ReturnType<typeof execute>>; readonly overtaken: string }> {
  const engine = await REAL_ENGINES[name]();
  World.engine = engine;
  try {
    return { overtaken: await overtakenCommit().then(() => "refused", textOf), told: await execute(rows) };
  } finally {
    await engine.end();
  }
}

/** What each cell says when it is executed, in the order of the row; a broken promise says how. */
export async function execute(rows: readonly TableRow[]): Promise<readonly (readonly string[])[]> {
  const told: string[][] = [];
  for (const row of rows) {
    const cells: string[] = [];
    for (const { kind } of row.cells) cells.push(await factsOf(row, kind).then(cellText, textOf));
    told.push(cells);
  }
  return told;
}

const textOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));

function factsOf(row: TableRow, kind: FaultKind): Promise<Facts> {
  const fault = { kind, at: { call: row.call, nth: row.nth } };
  if (row.call === "database.accept") return runAccept(kind);
  if (row.call === COMMITS_LOST) return runLost(kind);
  if (row.scenario === "adopt") return runAdopt(fault);
  const scenario = SCENARIOS[row.scenario];
  assert.ok(scenario, `nothing is known of "${row.scenario}"`);
  return runCase(scenario, fault);
}
