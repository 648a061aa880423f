// The crash table, executed: each row, each kind of fault, and what clients see.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runAccept } from "./accept-case.ts";
import type { FaultKind } from "./actor.ts";
import { runAdopt, runLost, traceAdopt } from "./adopt-case.ts";
import { runCase, type Facts } from "./case.ts";
import { SCENARIOS, trace } from "./scenarios.ts";
import { cellText, COMMITS_LOST, crashTable, type TableRow } from "./table.ts";

const rows = crashTable();

function factsOf(row: TableRow, kind: FaultKind): Promise<Facts> {
  const fault = { kind, at: { call: row.call, nth: row.nth } };
  if (row.call === "database.accept") return runAccept(kind);
  if (row.call === COMMITS_LOST) return runLost(kind);
  if (row.scenario === "adopt") return runAdopt(fault);
  const scenario = SCENARIOS[row.scenario];
  assert.ok(scenario, `nothing is known of "${row.scenario}"`);
  return runCase(scenario, fault);
}

describe("the crash table", () => {
  for (const row of rows) {
    test(`rule ${row.rule}: ${row.call} during ${row.scenario}${row.nth === 1 ? "" : ` #${String(row.nth)}`}`, async () => {
      for (const { kind, expected } of row.cells) assert.equal(cellText(await factsOf(row, kind)), expected, kind);
    });
  }

  test("names every port call of every publish", async () => {
    const named = new Set(rows.map((row) => row.call));
    for (const [name, scenario] of Object.entries(SCENARIOS)) {
      for (const call of await trace(scenario)) assert.ok(named.has(call), `${call}, seen during ${name}, is in no row`);
    }
  });

  test("names every port call of an adoption", async () => {
    const named = new Set(rows.filter((row) => row.scenario === "adopt").map((row) => row.call));
    assert.deepEqual([...new Set(await traceAdopt())].filter((call) => !named.has(call)), []);
  });
});
