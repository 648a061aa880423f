// A web in memory.

import { FetchError } from "../../src/ports/fetcher.ts";
import type { Fetcher } from "../../src/ports/fetcher.ts";

/** What a URL answers: bytes, text, pieces (endless ones too), an error to throw, or a function that decides at each request. */
export type FakeAnswer = Uint8Array | string | Error | AsyncIterable<Uint8Array> | Iterable<Uint8Array> | (() => FakeAnswer | undefined);

export interface MemoryFetcher extends Fetcher {
  /** URL to answer; what is missing is `not-found`. May be changed at any time. */
  readonly web: Map<string, FakeAnswer>;
  /** Every URL asked for, in order. */
  readonly requests: string[];
}

/** `chunkBytes` is the size of the pieces that bytes arrive in. */
export function createMemoryFetcher(
  web: Iterable<readonly [string, FakeAnswer]> = [],
  options: { readonly chunkBytes?: number } = {},
): MemoryFetcher {
  const map = web instanceof Map ? (web as Map<string, FakeAnswer>) : new Map(web);
  const requests: string[] = [];
  return {
    web: map,
    requests,
    async *fetch(url, { signal, from = 0 } = {}) {
      requests.push(url);
      let answer = map.get(url);
      while (typeof answer === "function") answer = answer();
      if (answer === undefined) throw new FetchError("not-found", `${url} was not found`);
      if (answer instanceof Error) throw answer;
      const pieces = typeof answer === "string" || answer instanceof Uint8Array ? chunks(answer, options.chunkBytes ?? 65_536) : answer;
      let surplus = from;
      for await (const piece of pieces) {
        if (signal?.aborted === true) throw new FetchError("unavailable", `${url}: the caller gave up`);
        const wanted = piece.subarray(Math.min(surplus, piece.length));
        surplus -= piece.length - wanted.length;
        if (wanted.length > 0 || piece.length === 0) yield wanted;
      }
    },
  };
}

function* chunks(body: Uint8Array | string, chunkBytes: number): Generator<Uint8Array> {
  const bytes = Buffer.from(body);
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}
