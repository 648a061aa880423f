// What every fetcher must do: each sentence of the port as a case that fails by throwing.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { FetchError } from "../../../src/ports/fetcher.ts";
import type { Fetcher } from "../../../src/ports/fetcher.ts";

export interface FetcherHarness {
  readonly fetcher: Fetcher;
  /** Makes `bytes` available and says where. */
  readonly put: (name: string, bytes: Uint8Array) => Promise<string>;
  /** Where nothing lies. */
  readonly missing: string;
  /** A body without end, when this kind of fetcher can meet one; `given` counts its pieces of 64 KiB, of which there are at most 2,000. */
  readonly endless?: () => { readonly url: string; readonly given: () => number };
  readonly end: () => Promise<void>;
}

export interface FetcherCase {
  readonly name: string;
  run(harness: FetcherHarness): Promise<void>;
}

export function fetcherContract(name: string, harness: () => Promise<FetcherHarness>): void {
  describe(`fetcher contract: ${name}`, () => {
    for (const fetcherCase of FETCHER_CASES) test(fetcherCase.name, () => runCase(fetcherCase, harness));
  });
}

export async function runCase(fetcherCase: FetcherCase, harness: () => Promise<FetcherHarness>): Promise<void> {
  const place = await harness();
  try {
    await fetcherCase.run(place);
  } finally {
    await place.end();
  }
}

export const FETCHER_CASES: readonly FetcherCase[] = [
  {
    name: "the body comes whole, in pieces, in order",
    async run({ fetcher, put }) {
      for (const size of [0, 1, 65_536, 65_537, 1_000_000]) {
        const bytes = randomBytes(size);
        assert.ok((await bodyOf(fetcher, await put(`${size}.bin`, bytes))).equals(bytes), `${size} bytes`);
      }
    },
  },
  {
    name: "a large body comes in more than one piece",
    async run({ fetcher, put }) {
      let pieces = 0;
      for await (const piece of fetcher.fetch(await put("large.bin", randomBytes(1_000_000)))) pieces += piece.length > 0 ? 1 : 0;
      assert.ok(pieces > 1, `${pieces} pieces`);
    },
  },
  {
    name: "pieces stay what they were when the next ones came",
    async run({ fetcher, put }) {
      const bytes = randomBytes(500_000);
      const pieces: Uint8Array[] = [];
      for await (const piece of fetcher.fetch(await put("kept.bin", bytes))) pieces.push(piece);
      assert.ok(Buffer.concat(pieces).equals(bytes));
    },
  },
  {
    name: "with `from`, what is behind so many bytes, and nothing else",
    async run({ fetcher, put }) {
      const bytes = randomBytes(200_000);
      const url = await put("rest.bin", bytes);
      for (const from of [0, 1, 65_536, 150_001, 199_999]) {
        const pieces: Uint8Array[] = [];
        for await (const piece of fetcher.fetch(url, { from })) pieces.push(piece);
        assert.ok(Buffer.concat(pieces).equals(bytes.subarray(from)), `from ${from}`);
      }
    },
  },
  {
    name: "what is compressed on the server arrives compressed",
    async run({ fetcher, put }) {
      const bytes = Buffer.from("1f8b08000000000000034b4c4a06 00c2412435 03000000".replaceAll(" ", ""), "hex");
      assert.deepEqual(await bodyOf(fetcher, await put("a.gz", bytes)), bytes);
    },
  },
  {
    name: "what is not there is `not-found`, naming the URL",
    async run({ fetcher, missing }) {
      await assertCode("not-found", bodyOf(fetcher, missing), missing);
    },
  },
  {
    name: "every fetch reads anew",
    async run({ fetcher, put }) {
      const url = await put("again.bin", Buffer.from("one"));
      assert.equal((await bodyOf(fetcher, url)).toString(), "one");
      await put("again.bin", Buffer.from("two, longer"));
      assert.equal((await bodyOf(fetcher, url)).toString(), "two, longer");
    },
  },
  {
    name: "many at once do not mix",
    async run({ fetcher, put }) {
      const bodies = Array.from({ length: 20 }, (_, at) => Buffer.alloc(100_000, at));
      const urls = await Promise.all(bodies.map((bytes, at) => put(`${at}.bin`, bytes)));
      const fetched = await Promise.all(urls.map((url) => bodyOf(fetcher, url)));
      for (const [at, bytes] of fetched.entries()) assert.ok(bytes.equals(bodies[at]!), `body ${at}`);
    },
  },
  {
    name: "an endless body is passed on as it comes, and left when the caller stops",
    async run({ fetcher, endless }) {
      const source = endless?.();
      if (source === undefined) return;
      let bytes = 0;
      for await (const piece of fetcher.fetch(source.url)) {
        bytes += piece.length;
        if (bytes > 300_000) break;
      }
      // What lies in buffers on the way; a fetcher that collects first would take all 2,000.
      const given = source.given();
      assert.ok(given < 500, `${given} pieces were asked for`);
    },
  },
  {
    name: "a fetch that was given up before it began does not begin",
    async run({ fetcher, put }) {
      await assertCode("unavailable", bodyOf(fetcher, await put("a.bin", Buffer.from("a")), AbortSignal.abort()));
    },
  },
  {
    name: "a fetch ends when its signal aborts",
    async run({ fetcher, put, endless }) {
      const url = endless?.().url ?? (await put("large.bin", randomBytes(1_000_000)));
      const ending = new AbortController();
      const reading = (async () => {
        for await (const piece of fetcher.fetch(url, { signal: ending.signal })) if (piece.length > 0) ending.abort();
      })();
      await assertCode("unavailable", reading);
    },
  },
  {
    name: "a signal that aborts later, or never, changes nothing",
    async run({ fetcher, put }) {
      const ending = new AbortController();
      assert.equal((await bodyOf(fetcher, await put("a.bin", Buffer.from("a")), ending.signal)).toString(), "a");
      ending.abort();
    },
  },
];

export async function bodyOf(fetcher: Fetcher, url: string, signal?: AbortSignal): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of fetcher.fetch(url, signal === undefined ? {} : { signal })) pieces.push(piece);
  return Buffer.concat(pieces);
}

export async function assertCode(code: FetchError["code"], fetching: Promise<unknown>, named = ""): Promise<void> {
  await assert.rejects(fetching, (error) => {
    assert.ok(error instanceof FetchError, String(error));
    assert.equal(error.code, code, error.message);
    assert.ok(error.message.includes(named), error.message);
    return true;
  });
}

/** 2,000 pieces of 64 KiB, counted as they are taken. */
export function countedPieces(): { readonly pieces: Iterable<Uint8Array>; readonly given: () => number } {
  let given = 0;
  function* pieces(): Generator<Uint8Array> {
    while (given < 2_000) {
      given += 1;
      yield Buffer.alloc(65_536, given);
    }
  }
  return { pieces: pieces(), given: () => given };
}
