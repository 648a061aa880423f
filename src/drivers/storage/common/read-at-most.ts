// Reads the body of an answer within bounds.

import { BucketFault } from "./bucket.ts";

export type ByteStream = AsyncIterable<Uint8Array> & { destroy(): void };

/** Undefined: there is more than `maxBytes`. The answer's own word on its length is not believed alone. */
export async function readAtMost(body: ByteStream, stated: number | undefined, maxBytes: number, signal: AbortSignal): Promise<Buffer | undefined> {
  const stop = (): void => { body.destroy(); };
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (stated !== undefined && stated > maxBytes) {
      body.destroy();
      return undefined;
    }
    const pieces: Uint8Array[] = [];
    let length = 0;
    for await (const piece of body) {
      length += piece.length;
      if (length > maxBytes) {
        body.destroy();
        return undefined;
      }
      pieces.push(piece);
    }
    if (signal.aborted || (stated !== undefined && length !== stated)) throw new BucketFault("unclear", "the answer was cut short");
    return Buffer.concat(pieces, length);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
