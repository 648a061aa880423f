// A plain web server for artifacts and, where a test wants to see what clients ask for,
// for the folder of published metadata.

import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";

export interface WebServer {
  /** Base URLs, with a trailing slash. */
  readonly artifacts: string;
  readonly metadata: string;
  /** Names of metadata files that were asked for, in order. */
  readonly asked: string[];
  /** Serves `content` as `path`: under its own name and, as with consistent snapshots, the name with its hash. */
  put(path: string, content: string, extra?: { readonly sha512?: boolean; readonly custom?: object }): Artifact;
  /** Serves other bytes of the same length in its place. */
  corrupt(path: string): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** An artifact as the API takes it. */
export interface Artifact {
  readonly path: string;
  readonly info: { readonly length: number; readonly hashes: Readonly<Record<string, string>> & { readonly sha256: string }; readonly custom?: object };
}

/** @param metadataFolder what `/metadata/` serves */
export async function startWebServer(metadataFolder: string): Promise<WebServer> {
  const contents = new Map<string, Buffer>();
  const asked: string[] = [];
  const find = async (path: string): Promise<Buffer | undefined> => {
    if (path.startsWith("/artifacts/")) return contents.get(path.slice("/artifacts/".length));
    const name = basename(path);
    asked.push(name);
    return readFile(join(metadataFolder, name)).catch(() => undefined);
  };
  const server = createServer((request, response) => {
    void find(decodeURIComponent(request.url ?? "")).then((bytes) => {
      if (bytes === undefined) response.writeHead(404).end();
      else response.writeHead(200, { "content-length": bytes.length }).end(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;

  return {
    artifacts: `${origin}/artifacts/`,
    metadata: `${origin}/metadata/`,
    asked,
    put(path, content, { sha512 = false, custom } = {}) {
      const bytes = Buffer.from(content);
      const hashOf = (algorithm: string): string => createHash(algorithm).update(bytes).digest("hex");
      const hashes = { sha256: hashOf("sha256"), ...(sha512 ? { sha512: hashOf("sha512") } : {}) };
      contents.set(path, bytes);
      // A client takes any of the hashes for the name.
      for (const hash of Object.values(hashes)) contents.set(hashedName(path, hash), bytes);
      return { path, info: { length: bytes.length, hashes, ...(custom === undefined ? {} : { custom }) } };
    },
    corrupt(path) {
      const bytes = contents.get(path);
      if (bytes === undefined) throw new Error(`${path} is not served`);
      for (const [name, other] of contents) if (other === bytes) contents.set(name, Buffer.from(bytes.map((byte) => byte ^ 1)));
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** `dir/name` with its hash before the last segment. */
function hashedName(path: string, sha256: string): string {
  const at = path.lastIndexOf("/") + 1;
  return `${path.slice(0, at)}${sha256}.${path.slice(at)}`;
}
