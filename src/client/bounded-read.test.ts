import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { createFakeClock } from "../../test/fakes/clock.ts";
import { FetchError } from "../ports/fetcher.ts";
import type { Fetcher } from "../ports/fetcher.ts";
import { readBounded, readWhole } from "./bounded-read.ts";
import { ClientError } from "./errors.ts";

const tooLarge = () => new ClientError("metadata-too-large", "too large");
const clock = createFakeClock(0);

function from(pieces: () => AsyncGenerator<Uint8Array>): { readonly fetcher: Fetcher; readonly signals: AbortSignal[] } {
  const signals: AbortSignal[] = [];
  return {
    signals,
    fetcher: {
      fetch(_url, options) {
        if (options?.signal !== undefined) signals.push(options.signal);
        return pieces();
      },
    },
  };
}

describe("readWhole", () => {
  test("takes exactly the bound, and refuses one byte more", async () => {
    const { fetcher } = from(async function* () { yield Buffer.from("ab"); yield Buffer.from("c"); });
    const read = { fetcher, clock, url: "u", deadlineMs: 1000, tooLarge };
    assert.equal(String(await readWhole({ ...read, maxBytes: 3 })), "abc");
    await assert.rejects(readWhole({ ...read, maxBytes: 2 }), { code: "metadata-too-large" });
  });

  test("stops asking at the bound, and ends the connection", async () => {
    let pieces = 0;
    let ended = false;
    const { fetcher, signals } = from(async function* () {
      try {
        for (;;) { pieces += 1; yield Buffer.alloc(10); }
      } finally {
        ended = true;
      }
    });
    await assert.rejects(readWhole({ fetcher, clock, url: "u", maxBytes: 25, deadlineMs: 1000, tooLarge }), { code: "metadata-too-large" });
    assert.equal(pieces, 3);
    assert.ok(ended);
    assert.equal(signals[0]?.aborted, true);
  });

  test("a trickle ends at the deadline, also where no gap is long", async () => {
    const { fetcher, signals } = from(async function* () {
      for (;;) { await clock.sleep(900); yield Buffer.from("x"); }
    });
    const outcome = assert.rejects(readWhole({ fetcher, clock, url: "u", maxBytes: 100, deadlineMs: 10_000, tooLarge }), { code: "too-slow", message: /longer than 10 s; 11 bytes came/ });
    await clock.whenSleeping(2);
    await clock.advance(20_000);
    await outcome;
    assert.equal(signals[0]?.aborted, true);
  });

  test("a fetcher that never answers and ignores its signal does not hold us", async () => {
     
    const { fetcher } = from(async function* () { await new Promise(() => undefined); });
    const outcome = assert.rejects(readWhole({ fetcher, clock, url: "u", maxBytes: 100, deadlineMs: 10_000, tooLarge }), { code: "too-slow" });
    await clock.whenSleeping(1);
    await clock.advance(10_000);
    await outcome;
  });

  test("the fetcher's own stall is told as too slow, its other errors as they are", async () => {
    for (const { code, seen } of [{ code: "too-slow", seen: "too-slow" }, { code: "gone", seen: "gone" }] as const) {
       
      const { fetcher } = from(async function* () { throw new FetchError(code, "told"); });
      await assert.rejects(readWhole({ fetcher, clock, url: "u", maxBytes: 1, deadlineMs: 1000, tooLarge }), { code: seen, message: "told" });
    }
  });

  test("leaves no timer behind", async () => {
    const own = createFakeClock(0);
    const { fetcher } = from(async function* () { yield Buffer.from("x"); });
    await readWhole({ fetcher, clock: own, url: "u", maxBytes: 1, deadlineMs: 1000, tooLarge });
    assert.equal(own.sleepers, 0);
  });
});

test("readBounded ends the connection when its reader stops", async () => {
  const { fetcher, signals } = from(async function* () { for (;;) yield Buffer.from("x"); });
  for await (const piece of readBounded({ fetcher, clock, url: "u", maxBytes: 100, deadlineMs: 1000, tooLarge })) {
    assert.equal(String(piece), "x");
    break;
  }
  assert.equal(signals[0]?.aborted, true);
});
