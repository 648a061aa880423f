// Some of the crash table on a PostgreSQL: transactions that were stored and reported failed, and publishers that stand still
// before one and wake too late. The whole table, and random schedules, on it: `npm run test:chaos -- --table`.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { apart } from "../fakes/apart.ts";
import type { FaultKind } from "./actor.ts";
import { crashTable } from "./table.ts";

const CALLS = ["commit of add", "finishShare of shared", "dropBatch of unfinished"];
const KINDS: readonly FaultKind[] = ["failed", "paused before"];

const rows = crashTable().filter(({ call, scenario }) => CALLS.includes(`${call.replace("database.", "")} of ${scenario}`))
  .map((row) => ({ ...row, cells: row.cells.filter(({ kind }) => KINDS.includes(kind)) }));

describe("the crash table on PostgreSQL", () => {
  let told: readonly (readonly string[])[] = [];
  before(async () => {
    told = await apart(import.meta.resolve("./execute.ts"), "executeOnPostgres", rows);
  });

  test("has a row for each", () => { assert.equal(rows.length, CALLS.length); });

  for (const [index, row] of rows.entries()) {
    test(`rule ${row.rule}: ${row.call} during ${row.scenario}`, () => {
      for (const [at, { kind, expected }] of row.cells.entries()) assert.equal(told[index]?.[at], expected, kind);
    });
  }
});
