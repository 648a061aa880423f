import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { OpenChange } from "../ports/database.ts";
import { chooseChanges } from "./choose.ts";

const change = (id: number, path: string, rest: Partial<OpenChange> = {}): OpenChange =>
  ({ id, task: `task ${String(id)}`, kind: "add", role: "bins-0", path, fragment: "{}", attempts: 0, attemptsAlone: 0, held: false, ...rest });
const ids = (changes: readonly OpenChange[]): number[] => changes.map(({ id }) => id);

describe("chooseChanges", () => {
  test("takes all while nothing died twice", () => {
    const open = [change(1, "a", { attempts: 1 }), change(2, "b")];
    assert.deepEqual(chooseChanges(open, false), open);
  });

  test("lets others go first, but for what waits behind a suspect on its path", () => {
    const open = [change(1, "a", { attempts: 2 }), change(2, "a", { kind: "remove" }), change(3, "b")];
    assert.deepEqual(ids(chooseChanges(open, false)), [3]);
    assert.deepEqual(ids(chooseChanges(open, true)), [1]);
  });

  test("tries suspects when all others wait behind them", () => {
    const open = [change(1, "a", { attempts: 2 }), change(2, "a", { kind: "remove" })];
    assert.deepEqual(ids(chooseChanges(open, false)), [1]);
  });

  test("takes what a suspect waits behind", () => {
    const open = [change(1, "a"), change(2, "a", { attempts: 3 })];
    assert.deepEqual(ids(chooseChanges(open, true)), [1]);
  });

  test("takes a held change only together with the one that absorbs it", () => {
    const open = [change(1, "a", { held: true }), change(2, "a", { attempts: 2 }), change(3, "b")];
    assert.deepEqual(ids(chooseChanges(open, false)), [3]);
    assert.deepEqual(ids(chooseChanges(open, true)), [1, 2]);
  });

  test("always takes something, and nothing before an older change of its path", () => {
    const opens = fc.array(fc.record({ path: fc.constantFrom("a", "b", "c"), attempts: fc.nat(4), refresh: fc.boolean() }), { minLength: 1, maxLength: 12 });
    fc.assert(fc.property(opens, fc.boolean(), (list, turn) => {
      const open = list.map(({ path, attempts, refresh }, n) => change(n, path, { attempts, ...(refresh ? { kind: "refresh", path: "" } : {}) }));
      const chosen = new Set(chooseChanges(open, turn));
      assert.ok(chosen.size > 0);
      for (const later of chosen) {
        for (const older of open) if (later.kind !== "refresh" && older.kind !== "refresh" && older.path === later.path && older.id < later.id) assert.ok(chosen.has(older));
      }
    }));
  });
});
