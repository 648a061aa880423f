// Bytes from the local disk, by file: URLs: for fsck, and for repositories carried by hand.

import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { FetchError } from "../../../ports/fetcher.ts";
import type { Fetcher } from "../../../ports/fetcher.ts";

const PIECE_BYTES = 64 * 1024;

/** A folder as the base URL of the files in it; ends with a slash. */
export function folderUrl(directory: string): string {
  const url = pathToFileURL(directory).href;
  return url.endsWith("/") ? url : `${url}/`;
}

export function createFileFetcher(): Fetcher {
  return {
    async *fetch(url, { signal, from = 0 } = {}) {
      await using file = await openFile(url);
      let at = from;
      for (;;) {
        if (signal?.aborted === true) throw new FetchError("unavailable", `${url}: the caller gave up`, { cause: signal.reason });
        const piece = Buffer.allocUnsafe(PIECE_BYTES);
        const { bytesRead } = await file.read(piece, 0, PIECE_BYTES, at).catch((error: unknown) => {
          throw fetchErrorOf(url, error);
        });
        if (bytesRead === 0) return;
        at += bytesRead;
        yield piece.subarray(0, bytesRead);
      }
    },
  };
}

async function openFile(url: string): Promise<FileHandle> {
  let path: string;
  try {
    path = fileURLToPath(url);
  } catch (error) {
    throw new FetchError("unavailable", `${url} is no file: URL of this machine`, { cause: error });
  }
  // O_NONBLOCK: a pipe in the file's place must not hold us.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    throw fetchErrorOf(url, error);
  });
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new FetchError("not-found", `${url} is no plain file`);
}

function fetchErrorOf(url: string, error: unknown): FetchError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR") return new FetchError("not-found", `${url} was not found`, { cause: error });
  if (code === "EACCES" || code === "EPERM") return new FetchError("denied", `${url} may not be read`, { cause: error });
  return new FetchError("unavailable", `${url} cannot be read: ${code}`, { cause: error });
}
