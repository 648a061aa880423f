// Where fsck reads published files from: a storage, or whatever a client would fetch from.

import { reasonOf } from "../lib/app-error.ts";
import { FetchError, type Fetcher } from "../ports/fetcher.ts";
import type { Storage } from "../ports/storage.ts";
import type { Findings } from "./report.ts";

export interface PublishedFiles {
  /**
   * The bytes of `name`; undefined when there is certainly none.
   * @throws FileTooLarge, and anything else when that could not be found out.
   */
  read(name: string, maxBytes: number): Promise<Buffer | undefined>;
}

export class FileTooLarge extends Error {}

/** @param base the folder of the metadata as a URL (`file:` too), with or without a slash at its end */
export function filesByUrl(fetcher: Fetcher, base: string): PublishedFiles {
  const folder = base.endsWith("/") ? base : `${base}/`;
  return {
    async read(name, maxBytes) {
      const pieces: Uint8Array[] = [];
      let length = 0;
      try {
        for await (const piece of fetcher.fetch(`${folder}${name}`)) {
          pieces.push(piece);
          length += piece.byteLength;
          if (length > maxBytes) throw new FileTooLarge(`${name} is longer than ${maxBytes} bytes`);
        }
      } catch (error) {
        // Only 404 says that a name is free; go-tuf stops at a 403 on the next root.
        if (error instanceof FetchError && error.code === "not-found") return undefined;
        throw error;
      }
      return Buffer.concat(pieces, length);
    },
  };
}

export function filesOfStorage(storage: Storage): PublishedFiles {
  return {
    async read(name, maxBytes) {
      return (await storage.read(name, maxBytes))?.bytes;
    },
  };
}

/** Larger than any file a client reads, small enough to hold sixteen of. */
export const READ_AT_MOST_BYTES = 32 * 1024 * 1024;

/** Reads `name`; what keeps it from being read becomes a fault of `rule`, absence too unless `optional`. */
export async function readNamed(files: PublishedFiles, findings: Findings, rule: number, name: string, whose: string): Promise<Buffer | undefined> {
  const read = await tryRead(files, findings, rule, name);
  if (read === "absent") findings.add(rule, "missing", name, `is not there, and ${whose} refers to it`);
  return Buffer.isBuffer(read) ? read : undefined;
}

export async function tryRead(files: PublishedFiles, findings: Findings, rule: number, name: string): Promise<Buffer | "absent" | "unreadable"> {
  try {
    return (await files.read(name, READ_AT_MOST_BYTES)) ?? "absent";
  } catch (error) {
    const tooLarge = error instanceof FileTooLarge || (error instanceof Error && "code" in error && error.code === "too-large");
    if (tooLarge) findings.add(51, "too-large", name, `is longer than ${READ_AT_MOST_BYTES} bytes; no client reads it`);
    else findings.add(rule, "unreadable", name, `could not be read: ${reasonOf(error)}`);
    return "unreadable";
  }
}
