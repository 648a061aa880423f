// Some cells of the crash table on a real engine, in `npm test`: for every call of a publisher or a request that writes to its
// database, one row of those that name it, and one fault of that row; all faults of a commit. Reads and storages are tried on
// fakes by table.test.ts; they are called on the way here, too.
//
// The whole table, and random schedules: `npm run test:chaos -- --table`.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { apart } from "../fakes/apart.ts";
import { createFakeRandom } from "../fakes/clock.ts";
import type { REAL_ENGINES } from "./engine.ts";
import type { executeOn } from "./execute.ts";
import { crashTable, isInMemoryOnly, isRead, type TableRow } from "./table.ts";

export function sampleOfTheTable(engine: keyof typeof REAL_ENGINES, seed: number): void {
  const rows = sample(seed);
  describe(`the crash table on ${engine}`, () => {
    let said: Awaited<ReturnType<typeof executeOn>>;
    before(async () => { said = await apart(import.meta.resolve("./execute.ts"), "executeOn", engine, rows); });

    test("a commit that its successor overtook is refused, by the fence alone", () => { assert.equal(said.overtaken, "refused"); });

    for (const [index, { rule, call, scenario, cells }] of rows.entries()) {
      test(`rule ${rule}: ${call} during ${scenario}: ${cells.map(({ kind }) => kind).join(", ")}`, () => {
        for (const [at, { kind, expected }] of cells.entries()) assert.equal(said.told[index]?.[at], expected, kind);
      });
    }
  });
}

function sample(seed: number): readonly TableRow[] {
  const random = createFakeRandom(seed);
  const one = <T>(list: readonly T[]): T => list[Number.parseInt(random.hex(4), 16) % list.length]!;
  const table = crashTable().filter((row) => row.call.startsWith("database.") && !isRead(row.call) && !isInMemoryOnly(row));
  return [...Map.groupBy(table, ({ call }) => call)].map(([call, rows]) => {
    const row = one(rows);
    // That nothing comes of a call that did not happen, fakes show as well.
    return call === "database.commit" ? row : { ...row, cells: [one(row.cells.filter(({ kind }) => kind !== "not stored"))] };
  });
}
