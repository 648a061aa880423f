// A plain web server before metadata and artifacts, in the hands of an attacker.

import { createReadStream } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join, normalize, sep } from "node:path";

/** What the attacker answers in place of the file. */
export type Forgery = Buffer | "endless";

export interface Mirror {
  readonly metadataUrl: string;
  readonly artifactsUrl: string;
  /** URL path below the server (`metadata/timestamp.json`, `files/a/b`) to what is answered instead. */
  readonly forged: Map<string, Forgery>;
  close(): Promise<void>;
}

export async function startMirror(folders: { readonly metadata: string; readonly files: string }): Promise<Mirror> {
  const forged = new Map<string, Forgery>();
  const server = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? "/").split("?")[0]!.slice(1));
    const forgery = forged.get(path);
    if (forgery !== undefined) answerForged(response, forgery);
    else if (path.startsWith("metadata/")) answerFile(response, folders.metadata, path.slice("metadata/".length));
    else if (path.startsWith("files/")) answerFile(response, folders.files, path.slice("files/".length));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return {
    metadataUrl: `${base}/metadata/`,
    artifactsUrl: `${base}/files/`,
    forged,
    close: () => new Promise((resolve) => {
      server.close(() => { resolve(); });
      server.closeAllConnections();
    }),
  };
}

function answerFile(response: ServerResponse, folder: string, path: string): void {
  const file = normalize(join(folder, path));
  if (!file.startsWith(folder + sep)) {
    response.writeHead(404).end();
    return;
  }
  const stream = createReadStream(file);
  stream.once("open", () => response.writeHead(200));
  stream.once("error", () => (response.headersSent ? response.destroy() : response.writeHead(404).end()));
  stream.pipe(response);
}

const CHUNK = Buffer.alloc(64 * 1024, 0x20);

function answerForged(response: ServerResponse, forgery: Forgery): void {
  response.writeHead(200);
  if (forgery !== "endless") {
    response.end(forgery);
    return;
  }
  const pour = (): void => {
    while (!response.destroyed && response.write(CHUNK));
  };
  response.on("drain", pour);
  pour();
}
