// Clients that poll while the service dies again and again: some return with their cache, some
// start afresh, one is in flight, having read the timestamp long before it reads the rest.

import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createHttpFetcher } from "../../src/drivers/fetcher/http/fetcher.ts";
import { openClient, type Client, type Fetcher } from "../../src/main/client.ts";
import { METADATA_NAME } from "../../src/ports/storage.ts";

export interface MetadataServer {
  /** With a slash at its end. */
  readonly url: string;
  close(): void;
}

/** What a plain web server does with the folder of metadata. */
export async function serveFolder(folder: string): Promise<MetadataServer> {
  const server = createServer((request, response) => {
    const name = (request.url ?? "").slice(1);
    if (!METADATA_NAME.test(name)) {
      response.writeHead(404).end();
      return;
    }
    readFile(join(folder, name)).then((bytes) => response.writeHead(200).end(bytes), () => response.writeHead(404).end());
  });
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

export interface Visits {
  readonly refreshes: number;
  readonly refusals: readonly string[];
}

/** Visits until `signal` aborts. `paths` are what there may be to find. */
export async function visit(url: string, root: Uint8Array, folder: string, paths: () => readonly string[], signal: AbortSignal): Promise<Visits> {
  let refreshes = 0;
  const refusals: string[] = [];
  const round = async (who: string, client: Client): Promise<void> => {
    try {
      await client.refresh();
      const known = paths();
      for (let n = 0; n < 3 && known.length > 0; n++) await client.find(known[Math.floor(Math.random() * known.length)] ?? "");
      refreshes++;
    } catch (error) {
      refusals.push(`${who}: ${String(error)}`);
    }
  };
  const open = (fetcher?: Fetcher): { client: Promise<Client>; cache: string } => {
    const cache = mkdtempSync(join(folder, "cache-"));
    return { cache, client: openClient({ metadataUrl: url, trust: { root }, cacheDir: cache, ...(fetcher === undefined ? {} : { fetcher }) }) };
  };
  const returning = async (everyMs: number): Promise<void> => {
    const client = await open().client;
    while (!signal.aborted) {
      await round("returning", client);
      await sleep(everyMs);
    }
  };
  const fresh = async (): Promise<void> => {
    while (!signal.aborted) {
      const { client, cache } = open();
      await round("fresh", await client);
      rmSync(cache, { recursive: true, force: true });
      await sleep(40);
    }
  };
  const inFlight = async (): Promise<void> => {
    const client = await open(slowAfterTimestamp(createHttpFetcher({ version: "in-flight" }))).client;
    while (!signal.aborted) await round("in flight", client);
  };
  await Promise.all([returning(15), returning(90), returning(700), fresh(), inFlight()]);
  return { refreshes, refusals };
}

/** Whoever read the timestamp goes on only a while later. */
function slowAfterTimestamp(fetcher: Fetcher): Fetcher {
  return {
    async *fetch(url, options) {
      yield* fetcher.fetch(url, options);
      if (url.endsWith("/timestamp.json")) await sleep(100 + Math.random() * 1_500);
    },
  };
}
