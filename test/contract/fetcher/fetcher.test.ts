// The fetcher contract on the fake, over HTTP and on files; and the contract itself, shown
// to refuse fetchers that break it.

import assert from "node:assert/strict";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createFileFetcher, folderUrl } from "../../../src/drivers/fetcher/file/fetcher.ts";
import { createHttpFetcher } from "../../../src/drivers/fetcher/http/fetcher.ts";
import type { Fetcher } from "../../../src/ports/fetcher.ts";
import { createMemoryFetcher } from "../../fakes/fetcher.ts";
import { bodyOf, countedPieces, FETCHER_CASES, fetcherContract, runCase } from "./suite.ts";
import type { FetcherHarness } from "./suite.ts";
import { answer, openWeb, stream } from "./web.ts";

async function memoryHarness(alter: (fetcher: Fetcher) => Fetcher = (fetcher) => fetcher): Promise<FetcherHarness> {
  const memory = createMemoryFetcher();
  const base = "https://example.test/";
  return {
    fetcher: alter(memory),
    missing: `${base}missing`,
    async put(name, bytes) {
      memory.web.set(base + name, bytes);
      return base + name;
    },
    endless() {
      const { pieces, given } = countedPieces();
      memory.web.set(`${base}endless`, pieces);
      return { url: `${base}endless`, given };
    },
    end: async () => undefined,
  };
}

async function httpHarness(): Promise<FetcherHarness> {
  const web = await openWeb();
  return {
    fetcher: createHttpFetcher({ version: "0" }),
    missing: `${web.base}missing`,
    async put(name, bytes) {
      web.routes.set(`/${name}`, answer(200, {}, bytes));
      return web.base + name;
    },
    endless() {
      const { pieces, given } = countedPieces();
      web.routes.set("/endless", stream(pieces));
      return { url: `${web.base}endless`, given };
    },
    end: () => web.close(),
  };
}

async function fileHarness(): Promise<FetcherHarness> {
  const directory = fs.mkdtempSync(join(tmpdir(), "rstuf fetch \u00e9#"));
  const base = folderUrl(directory);
  return {
    fetcher: createFileFetcher(),
    missing: `${base}missing`,
    async put(name, bytes) {
      fs.writeFileSync(join(directory, name), bytes);
      return base + name;
    },
    end: async () => fs.rmSync(directory, { recursive: true }),
  };
}

fetcherContract("memory", () => memoryHarness());
fetcherContract("http", httpHarness);
fetcherContract("file", fileHarness);

// ---------------------------------------------------------------- broken ones

/** `change` turns a whole body into what the broken fetcher gives. */
const collecting = (change: (pieces: Buffer[]) => Buffer[]) => (fetcher: Fetcher): Fetcher => ({
  async *fetch(url, options) {
    const pieces: Buffer[] = [];
    for await (const piece of fetcher.fetch(url, options)) pieces.push(Buffer.from(piece));
    yield* change(pieces);
  },
});

const BROKEN: readonly { readonly name: string; readonly alter: (fetcher: Fetcher) => Fetcher; readonly refusedBy: string }[] = [
  { name: "collects the body first", alter: collecting((pieces) => pieces), refusedBy: "an endless body is passed on as it comes, and left when the caller stops" },
  { name: "gives the body in one piece", alter: collecting((pieces) => [Buffer.concat(pieces)]), refusedBy: "a large body comes in more than one piece" },
  { name: "mixes up the pieces", alter: collecting((pieces) => pieces.toReversed()), refusedBy: "the body comes whole, in pieces, in order" },
  { name: "loses the last piece", alter: collecting((pieces) => pieces.slice(0, -1)), refusedBy: "the body comes whole, in pieces, in order" },
  {
    name: "uses one buffer for all pieces",
    alter: (fetcher) => ({
      async *fetch(url, options) {
        const buffer = Buffer.alloc(65_536);
        for await (const piece of fetcher.fetch(url, options)) yield buffer.subarray(0, Buffer.from(piece).copy(buffer));
      },
    }),
    refusedBy: "pieces stay what they were when the next ones came",
  },
  {
    name: "takes what is missing for empty",
    alter: (fetcher) => ({
      async *fetch(url, options) {
        const pieces = fetcher.fetch(url, options)[Symbol.asyncIterator]();
        for (;;) {
          const step = await pieces.next().catch(() => ({ done: true }) as const);
          if (step.done === true) return;
          yield step.value;
        }
      },
    }),
    refusedBy: "what is not there is `not-found`, naming the URL",
  },
  {
    name: "caches",
    alter: (fetcher) => {
      const cache = new Map<string, Buffer>();
      return {
        async *fetch(url) {
          const bytes = cache.get(url) ?? (await bodyOf(fetcher, url));
          cache.set(url, bytes);
          yield bytes;
        },
      };
    },
    refusedBy: "every fetch reads anew",
  },
  { name: "gives the whole in the place of the rest", alter: (fetcher) => ({ fetch: (url, { signal } = {}) => fetcher.fetch(url, signal === undefined ? {} : { signal }) }), refusedBy: "with `from`, what is behind so many bytes, and nothing else" },
  { name: "does not listen to its signal", alter: (fetcher) => ({ fetch: (url) => fetcher.fetch(url) }), refusedBy: "a fetch ends when its signal aborts" },
  { name: "begins what was given up", alter: (fetcher) => ({ fetch: (url) => fetcher.fetch(url) }), refusedBy: "a fetch that was given up before it began does not begin" },
];

describe("the fetcher contract refuses a fetcher that", () => {
  for (const { name, alter, refusedBy } of BROKEN) {
    test(name, async () => {
      const fetcherCase = FETCHER_CASES.find((each) => each.name === refusedBy);
      assert.ok(fetcherCase !== undefined, `there is a case "${refusedBy}"`);
      await assert.rejects(runCase(fetcherCase, () => memoryHarness(alter)), assert.AssertionError);
    });
  }
});
