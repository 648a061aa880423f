import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { explore } from "./protocol-model.ts";

describe("the publish protocol, tried exhaustively", () => {
  test("no state within 20 steps shows an older timestamp, or another one of equal version", () => {
    const { states, violation } = explore("rules", 20);
    assert.equal(violation, undefined, violation?.join("\n"));
    assert.ok(states > 100_000, `only ${String(states)} states`);
  });

  test("nor does it when a diverged history halts instead of being adopted", () => {
    assert.equal(explore("halts-diverged", 18).violation, undefined);
  });

  // A rule without which nothing goes wrong would be idle.
  test("without the fence, the order of reads and the tokens it does, with no fault of the database at all", () => {
    const { violation } = explore("naive", 8);
    assert.ok(violation);
    assert.ok(!violation.some((step) => step.startsWith("the database goes back")), violation.join("\n"));
  });

  test("overwriting what does not look newer does", () => {
    assert.ok(explore("overwrites-older", 15).violation);
  });

  test("replacing without the token of what was read does", () => {
    assert.ok(explore("without-token", 15).violation);
  });
});
