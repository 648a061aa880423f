import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { linesOf } from "./ndjson.ts";

describe("lines", () => {
  test("come a few at a time, however many arrive together, numbered on", async () => {
    const text = Buffer.from(Array.from({ length: 120 }, (_, at) => `${String(at)}\n`).join(""));
    const lots: number[][] = [];
    for await (const lines of linesOf(only(text), { lineBytes: 100, depth: 4 })) lots.push(lines.map(({ line }) => line));
    assert.deepEqual(lots.map(({ length }) => length), [50, 50, 20]);
    assert.deepEqual(lots.flat(), Array.from({ length: 120 }, (_, at) => at + 1));
  });
});

async function* only(piece: Uint8Array): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield piece;
}
