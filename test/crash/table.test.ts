// The crash table, executed: each row, each kind of fault, and what clients see.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { apart } from "../fakes/apart.ts";
import { traceAdopt } from "./adopt-case.ts";
import { SCENARIOS, trace } from "./scenarios.ts";
import { crashTable } from "./table.ts";

const rows = crashTable();

describe("the crash table", () => {
  let told: readonly (readonly string[])[] = [];
  before(async () => {
    told = await apart(import.meta.resolve("./execute.ts"), "execute", rows);
  });

  for (const [index, row] of rows.entries()) {
    test(`rule ${row.rule}: ${row.call} during ${row.scenario}${row.nth === 1 ? "" : ` #${String(row.nth)}`}`, () => {
      for (const [at, { kind, expected }] of row.cells.entries()) assert.equal(told[index]?.[at], expected, kind);
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
