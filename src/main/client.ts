// The client for programs that embed it (`import { openClient } from "rstuf/client"`).
//
//   const client = await openClient({
//     metadataUrl: "https://packages.example.com/metadata/",
//     artifactsUrl: "https://packages.example.com/files/",
//     trust: { root: await readFile("root.json") },
//     cacheDir: "./tuf-cache",
//   });
//   const { file } = await client.download("dir/package.tar.gz", folder("./downloads"));
//
// Wired with fetch over HTTP, a cache in a folder and the system's clock; each can be replaced.

import { Client } from "../client/client.ts";
import type { ClientOptions } from "../client/options.ts";
import { systemClock } from "../drivers/clock/system/clock.ts";
import { createHttpFetcher } from "../drivers/fetcher/http/fetcher.ts";
import { openFileCache } from "../drivers/storage/client/cache.ts";
import { createFolderDestination } from "../drivers/storage/client/folder.ts";
import type { Destination } from "../ports/client-storage.ts";

export { Client } from "../client/client.ts";
export type { Refreshed } from "../client/client.ts";
export type { Downloaded, Progress } from "../client/download.ts";
export { ClientError } from "../client/errors.ts";
export type { Found } from "../client/find.ts";
export { DEFAULT_LIMITS, DEFAULT_PATIENCE } from "../client/options.ts";
export type { ClientLimits, ClientOptions, Patience, Trust } from "../client/options.ts";
export { ClientStorageError } from "../ports/client-storage.ts";
export type { ClientCache, Destination, Incoming } from "../ports/client-storage.ts";
export type { Clock } from "../ports/clock.ts";
export { FetchError } from "../ports/fetcher.ts";
export type { Fetcher } from "../ports/fetcher.ts";
export type { TargetFile } from "../tuf/documents.ts";
export { TufError } from "../tuf/errors.ts";

export type OpenClientOptions = Omit<ClientOptions, "fetcher" | "cache" | "clock"> &
  Partial<Pick<ClientOptions, "fetcher" | "clock">> & {
    /** Made when it isn't there. One folder serves one repository. */
    readonly cacheDir: string;
    /** Sent to servers as `rstuf/<userAgent>`. Default `client`. */
    readonly userAgent?: string;
  };

/** @throws ClientStorageError `unusable` when `cacheDir` is a link or no folder */
export async function openClient({ cacheDir, userAgent, fetcher, clock, ...rest }: OpenClientOptions): Promise<Client> {
  return new Client({
    ...rest,
    fetcher: fetcher ?? createHttpFetcher({ version: userAgent ?? "client" }),
    clock: clock ?? systemClock,
    cache: await openFileCache(cacheDir),
  });
}

/** A folder to download into: `a/b` lies at `DIRECTORY/a/b`, and never outside. */
export function folder(directory: string): Destination {
  return createFolderDestination(directory);
}
