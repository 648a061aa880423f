import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ChangeKind, OpenChange } from "../ports/database.ts";
import { untilDelegation } from "./delegate.ts";

let next = 1;
const change = (kind: ChangeKind, path: string, held = false): OpenChange => ({ id: next++, task: "t", kind, role: "", path, fragment: "", attempts: 0, attemptsAlone: 0, held });
const shown = (changes: readonly OpenChange[]): string[] => changes.map(({ kind, path, held }) => `${kind} ${path}${held ? " held" : ""}`);

describe("untilDelegation", () => {
  test("takes all when nobody edits delegations", () => {
    const open = [change("add", "a", true), change("add", "a"), change("refresh", "")];
    assert.deepEqual(untilDelegation(open), open);
  });

  test("takes what stands before the first edit, and leaves held changes to the one that absorbs them", () => {
    const open = [change("add", "a", true), change("add", "b", true), change("add", "b"), change("delegate", ""), change("add", "a"), change("delegate", "")];
    assert.deepEqual(shown(untilDelegation(open)), ["add b held", "add b"]);
  });

  test("takes the edit alone once nothing publishable stands before it", () => {
    const open = [change("add", "a", true), change("delegate", ""), change("add", "a"), change("delegate", "")];
    assert.deepEqual(untilDelegation(open), [open[1]]);
  });
});
