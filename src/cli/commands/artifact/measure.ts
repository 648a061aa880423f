// Length and hashes of files, read in pieces, a few files at once, in the order they came.

import { createReadStream } from "node:fs";
import { createHasher, type HashAlgorithm } from "../../../tuf/crypto.ts";
import { CliError, systemReason } from "../../errors.ts";

export interface Measure {
  readonly length: number;
  readonly hashes: Readonly<Record<string, string>>;
}

const PIECE_BYTES = 256 * 1024;
/** Enough to keep a disk busy; hashing itself takes one core. */
const AT_ONCE = 4;

/** What the bytes that were read are: a file that changes meanwhile is measured as it was read. @throws CliError `file-unreadable` */
export async function measure(file: string, algorithms: readonly HashAlgorithm[], onBytes?: (count: number) => void): Promise<Measure> {
  const hashers = algorithms.map((algorithm) => ({ algorithm, hasher: createHasher(algorithm) }));
  let length = 0;
  try {
    for await (const piece of createReadStream(file, { highWaterMark: PIECE_BYTES }) as AsyncIterable<Buffer>) {
      length += piece.length;
      for (const { hasher } of hashers) hasher.update(piece);
      onBytes?.(piece.length);
    }
  } catch (error) {
    throw new CliError("file-unreadable", `${file} cannot be read`, { why: systemReason(error), todo: "is it named as it lies from here, and may this user read it?", cause: error });
  }
  return { length, hashes: Object.fromEntries(hashers.map(({ algorithm, hasher }) => [algorithm, hasher.hex()])) };
}

/** `work` on each item, a few at once; the results in the items' order. */
export async function* inOrder<Item, Result>(items: AsyncIterable<Item>, work: (item: Item) => Promise<Result>): AsyncGenerator<Result> {
  const running: Promise<Result>[] = [];
  try {
    for await (const item of items) {
      const begun = work(item);
      // Told when its turn comes; until then it is no unhandled rejection.
      begun.catch(() => undefined);
      running.push(begun);
      const first = running.length >= AT_ONCE ? running.shift() : undefined;
      if (first !== undefined) yield await first;
    }
    for (const rest of running) yield await rest;
  } finally {
    await Promise.allSettled(running);
  }
}
