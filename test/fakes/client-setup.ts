// A client in memory before a repository in memory: what client tests and attacks start from.

import { Client } from "../../src/client/client.ts";
import type { ClientOptions } from "../../src/client/options.ts";
import { createMemoryCache, createMemoryDestination } from "./client-storage.ts";
import type { MemoryCache } from "./client-storage.ts";
import { createFakeClock } from "./clock.ts";
import type { FakeClock } from "./clock.ts";
import { createMemoryFetcher } from "./fetcher.ts";
import type { RepositoryBuilder } from "./repository-builder.ts";

export const NOW = Date.UTC(2030, 0, 15, 12);
export const METADATA_URL = "http://repository.test/metadata/";
export const ARTIFACTS_URL = "http://repository.test/files/";

export type Stage = ReturnType<typeof createStage>;

/** `repository` as it is when this is called; `serve` shows clients a later (or another) state. */
export function createStage(repository: RepositoryBuilder, options: { readonly clock?: FakeClock; readonly cache?: MemoryCache } = {}) {
  const fetcher = createMemoryFetcher();
  const clock = options.clock ?? createFakeClock(repository.options.now);
  const cache = options.cache ?? createMemoryCache();
  const destination = createMemoryDestination();
  const firstRoot = repository.files.get("1.root.json");
  if (firstRoot === undefined) throw new Error("no first root");

  const serve = (files: ReadonlyMap<string, Buffer> = repository.files, artifacts: ReadonlyMap<string, Buffer> = repository.artifacts) => {
    fetcher.web.clear();
    for (const [name, bytes] of files) fetcher.web.set(METADATA_URL + name, bytes);
    for (const [path, bytes] of artifacts) fetcher.web.set(ARTIFACTS_URL + path, bytes);
  };
  /** A client on the stage's cache: each is a new start of the program. */
  const client = (changes: Partial<ClientOptions> = {}) =>
    new Client({ metadataUrl: METADATA_URL, artifactsUrl: ARTIFACTS_URL, trust: { root: firstRoot }, fetcher, cache, clock, ...changes });
  /** The names of metadata files asked for since the last call. */
  const asked = () => fetcher.requests.splice(0).map((url) => url.replace(METADATA_URL, "").replace(ARTIFACTS_URL, "files/"));
  serve();
  return { repository, fetcher, clock, cache, destination, firstRoot, serve, client, asked };
}
