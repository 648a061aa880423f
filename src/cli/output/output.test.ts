import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createTestContext } from "../../../test/fakes/cli.ts";
import { Progress } from "./progress.ts";
import { styleOf } from "./style.ts";
import { factLines, tableLines, type Column } from "./table.ts";
import { cut, widthOf, wrapped } from "./width.ts";
import { bytes, clockTime, count, duration, fromNow } from "./words.ts";

const KEYID = "4e777de0d275f9d28588dd9a1606cc748e548f9e22b6795b7cb3f63f98035fcb";

interface Row {
  readonly path: string;
  readonly keyid: string;
  readonly size: string;
}
const ROWS: readonly Row[] = [
  { path: "short", keyid: KEYID, size: "1" },
  { path: `packages/${"deep/".repeat(20)}app-1.0.tar.gz`, keyid: KEYID, size: "12,000" },
];
const PATH: Column<Row> = { title: "Path", text: ({ path }) => path, cutTo: 12 };
const KEY: Column<Row> = { title: "Keyid", text: ({ keyid }) => keyid };
const SIZE: Column<Row> = { title: "Size", text: ({ size }) => size, right: true };

const terminal = (columns: number, env = {}) => createTestContext({ cwd: "/", isTty: true, isStdoutTty: true, columns, env }).context;
const plain = { NO_COLOR: "1" };

describe("a table", () => {
  test("fits 80 columns by cutting what may be cut, in the middle", () => {
    const lines = tableLines(terminal(80, plain), [PATH, SIZE], ROWS);
    for (const line of lines) assert.ok(widthOf(line) <= 80, line);
    assert.match(lines[2] ?? "", /^packages\/.*….*app-1\.0\.tar\.gz  12,000$/);
    assert.match(lines[1] ?? "", / {5}1$/);
  });

  test("never cuts a keyid: rather each row becomes a block of lines", () => {
    const lines = tableLines(terminal(70, plain), [PATH, KEY, SIZE], ROWS);
    assert.equal(lines.filter((line) => line === `Keyid  ${KEYID}`).length, 2);
    assert.equal(lines[3], "");
  });

  test("is written whole into a pipe", () => {
    const { context } = createTestContext({ cwd: "/", columns: 20 });
    assert.ok(tableLines(context, [PATH, KEY, SIZE], ROWS)[2]?.includes(ROWS[1]!.path));
  });

  test("facts stand under each other, further lines too", () => {
    assert.deepEqual(factLines(terminal(80, plain), [["state", "finished"], ["left out", undefined], ["why", "a\nb"]]), ["state  finished", "why    a", "       b"]);
  });
});

describe("colour", () => {
  test("is for terminals, and not where NO_COLOR is set or the terminal is dumb", () => {
    assert.match(styleOf(terminal(80), "stdout").bad("x"), /\u001b\[31m/);
    for (const context of [terminal(80, plain), terminal(80, { TERM: "dumb" }), createTestContext({ cwd: "/" }).context]) assert.equal(styleOf(context, "stdout").bad("x"), "x");
  });
});

describe("progress", () => {
  const run = (isTty: boolean, tickMs: number, updates: number, silent = false): string => {
    const { context, stderr } = createTestContext({ cwd: "/", isTty, columns: 80, tickMs });
    const progress = new Progress(context, { label: "hello.txt", unit: "bytes", total: 4_000_000, silent });
    for (let done = 1; done <= updates; done += 1) progress.update(done * 1_000_000);
    progress.clear();
    return stderr();
  };

  test("draws a bar with rate and time left, over itself, and wipes it", () => {
    const text = run(true, 1000, 3);
    assert.match(text, /\r\u001b\[K\[={10} {10}\] 50 %/);
    assert.match(text, /2\.0 MB of 4\.0 MB, 1\.0 MB\/s, 0:02 left {2}hello\.txt/);
    assert.ok(text.endsWith("\r\u001b[K"));
  });
  test("writes a line every ten seconds where there is no terminal", () => {
    assert.equal(run(false, 5000, 4).split("\n").filter((line) => line !== "").length, 2);
    assert.equal(run(false, 1, 4), "");
  });
  test("tells the rate of the last minute: what went fast long ago ends no sooner for that, and what stands still has no time left", () => {
    const { context, stderr } = createTestContext({ cwd: "/", isTty: true, columns: 100, tickMs: 10_000 });
    const progress = new Progress(context, { label: "publish", unit: "artifacts", total: 1_000_000 });
    let done = 0;
    for (let n = 0; n < 30; n += 1) progress.update((done += 20_000));
    for (let n = 0; n < 6; n += 1) progress.update((done += 1_000));
    assert.match(stderr().split("\r\u001b[K").at(-1) ?? "", /606,000 of 1,000,000 artifacts, 100\/s, 1:05:40 left/);
    for (let n = 0; n < 6; n += 1) progress.update(done);
    assert.match(stderr().split("\r\u001b[K").at(-1) ?? "", /606,000 of 1,000,000 artifacts, nothing for a minute/);
  });
  test("never draws wider than the screen: the bar gives way, then the label", () => {
    for (const columns of [20, 40, 60, 80, 100, 120]) {
      const { context, stderr } = createTestContext({ cwd: "/", isTty: true, columns, tickMs: 1000 });
      for (const label of ["import", "wheels/a-name-that-is-rather-long-1.0.0-py3-none-any.whl"]) {
        const progress = new Progress(context, { label, unit: "artifacts", isGuess: true });
        progress.update(607_247, 2_007_991);
        progress.update(607_247, undefined);
      }
      const lines = stderr().split("\r\u001b[K");
      for (const line of lines) assert.ok(widthOf(line) < columns, `${columns}: ${line}`);
      if (columns >= 80) assert.match(lines[1] ?? "", /^\[=+ +\] 30 % {2}607,247 of ~2,010,000 artifacts, .*import$/);
    }
  });
  test("draws no more often than five times a second, and nothing when silent", () => {
    assert.equal(run(true, 1, 3).match(/hello/g)?.length, 1);
    assert.equal(run(true, 1000, 3, true), "");
  });
});

describe("words", () => {
  test("say numbers and times", () => {
    assert.deepEqual([count(1, "artifact"), count(12_000, "artifact"), count(2, "entry", "entries")], ["1 artifact", "12,000 artifacts", "2 entries"]);
    assert.deepEqual([0, 1, 999, 1000, 999_960, 1_500_000_000].map(bytes), ["0 bytes", "1 byte", "999 bytes", "1.0 kB", "1.0 MB", "1.5 GB"]);
    assert.deepEqual([500, 119_000, 3_600_000, 47 * 3_600_000, 90 * 86_400_000].map(duration), ["0 seconds", "119 seconds", "60 minutes", "47 hours", "90 days"]);
    assert.deepEqual([fromNow(3 * 86_400_000, 0), fromNow(0, 7_200_000)], ["in 3 days", "2 hours ago"]);
    const day = 86_400_000;
    assert.deepEqual([365 * day - 90_000, 365 * day - 3_700_000, day - 5_000, 47 * 3_600_000, 3_599_400, 59_000].map((left) => fromNow(left, 0)), ["in 365 days", "in 364 days", "in 24 hours", "in 47 hours", "in 60 minutes", "in 59 seconds"]);
    assert.deepEqual([7_000, 750_000, 10_860_000].map(clockTime), ["0:07", "12:30", "3:01:00"]);
  });
});

describe("width", () => {
  test("cut never makes a text wider than asked", () => {
    fc.assert(fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), fc.integer({ min: 1, max: 40 }), (text, columns) => widthOf(cut(text, columns)) <= columns));
  });
  test("counts wide and combining characters", () => {
    assert.deepEqual(["日本", "e\u0301", "\u001b[1mx\u001b[22m"].map(widthOf), [4, 1, 1]);
  });
  test("wraps words, and leaves a word alone that is wider than the line", () => {
    assert.deepEqual(wrapped("aa bb cccccccc d\ne", 5), ["aa bb", "cccccccc", "d", "e"]);
  });
});
