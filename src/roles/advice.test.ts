import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { advised, choices } from "./advice.ts";
import { pressTargets } from "./targets.ts";
import { SnapshotBook } from "./snapshot.ts";
import { binNames } from "../tuf/bins.ts";

const adviseFor = (artifacts: number, lookups = 1): number => advised(choices({ artifacts, targetBytes: 250, lookups })).bins;

describe("advised", () => {
  test("grows with the repository, and with what a client looks up", () => {
    assert.equal(adviseFor(0), 2);
    const grown = [1_000, 100_000, 1_000_000, 10_000_000].map((artifacts) => adviseFor(artifacts));
    assert.deepEqual(grown, [...grown].sort((a, b) => a - b));
    assert.ok(adviseFor(1_000_000, 20) > adviseFor(1_000_000, 1));
  });

  test("never names a number whose bins a client could not read, while there is another", () => {
    const { binBytes } = advised(choices({ artifacts: 10_000_000, targetBytes: 2_000, lookups: 1 }));
    assert.ok(binBytes <= 2_500_000);
  });

  test("says what tuf-js suffers", () => {
    const all = choices({ artifacts: 10_000_000, targetBytes: 250, lookups: 1 });
    assert.match(all.at(-1)?.warnings.join() ?? "", /tuf-js takes many seconds/);
    assert.match(all[0]?.warnings.join() ?? "", /5,000,000/);
  });
});

test("the reckoned sizes are those that are pressed, within a tenth", () => {
  const [bins, artifacts] = [256, 25_600];
  const book = new SnapshotBook([...binNames("bins", 8)].map((role) => ({ role, version: 1_234_567, length: 1, sha256: "ab".repeat(32), bin: true })), "delegated");
  const snapshot = book.press({ version: 1_234_567, expires: "2030-01-01T00:00:00Z" }, []).length;
  const targets = Array.from({ length: artifacts / bins }, (_, at) => ({ path: `packages/${String(at).padStart(20, "0")}`, fragment: `{"hashes":{"sha256":"${"ab".repeat(32)}"},"length":123456}` }));
  const bin = pressTargets({ version: 1_234_567, expires: "2030-01-01T00:00:00Z", targets }).length;
  const targetBytes = '"packages/00000000000000000000":,'.length + (targets[0]?.fragment.length ?? 0);
  const choice = choices({ artifacts, targetBytes, lookups: 1 }).find((each) => each.bins === bins);
  assert.ok(choice !== undefined);
  for (const [real, reckoned] of [[snapshot, choice.snapshotBytes], [bin, choice.binBytes]] as const) assert.ok(Math.abs(real + 200 - reckoned) < reckoned / 10, `${String(real)} and ${String(reckoned)}`);
});
