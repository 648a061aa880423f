// The crash table, executed: each row, each kind of fault, and what clients see.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runAccept } from "./accept-case.ts";
import { runCase, type Facts } from "./case.ts";
import { SCENARIOS, trace } from "./scenarios.ts";
import { cellText, crashTable } from "./table.ts";

const rows = crashTable();

describe("the crash table", () => {
  for (const row of rows) {
    test(`rule ${row.rule}: ${row.call} during ${row.scenario}${row.nth === 1 ? "" : ` #${String(row.nth)}`}`, async () => {
      const scenario = SCENARIOS[row.scenario];
      assert.ok(scenario, `nothing is known of "${row.scenario}"`);
      for (const { kind, expected } of row.cells) {
        const facts: Facts = row.call === "database.accept" ? await runAccept(kind) : await runCase(scenario, { kind, at: { call: row.call, nth: row.nth } });
        assert.equal(cellText(facts), expected, kind);
      }
    });
  }

  test("names every port call of every publish", async () => {
    const named = new Set(rows.map((row) => row.call));
    for (const [name, scenario] of Object.entries(SCENARIOS)) {
      for (const call of await trace(scenario)) assert.ok(named.has(call), `${call}, seen during ${name}, is in no row`);
    }
  });
});
