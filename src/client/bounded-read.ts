// Reading what nobody vouches for: never more bytes than allowed, never longer than allowed.
//
// Endless data: reading stops at the first byte over the bound, and the connection with
// it. Slow retrieval: the deadline holds even for a fetcher that ignores its signal. The
// fetcher itself gives up when nothing arrives for a while.

import type { Clock } from "../ports/clock.ts";
import { FetchError } from "../ports/fetcher.ts";
import type { Fetcher } from "../ports/fetcher.ts";
import { ClientError } from "./errors.ts";

export interface BoundedRead {
  readonly fetcher: Fetcher;
  readonly clock: Clock;
  readonly url: string;
  readonly maxBytes: number;
  readonly deadlineMs: number;
  /** The refusal when more than `maxBytes` come. */
  readonly tooLarge: () => ClientError;
  /** Only what is behind so many bytes; `maxBytes` is for the rest. */
  readonly from?: number;
  /** Ends it as a fault of the connection does. */
  readonly signal?: AbortSignal | undefined;
}

/** The body at `url` in pieces. @throws FetchError, ClientError `too-slow` or what `tooLarge` makes */
export async function* readBounded(read: BoundedRead): AsyncGenerator<Uint8Array, void, undefined> {
  const { fetcher, clock, url, maxBytes, deadlineMs } = read;
  const stop = new AbortController();
  const overdue = clock.sleep(deadlineMs, stop.signal).then(() => "overdue" as const);
  const pieces = fetcher.fetch(url, { signal: read.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, read.signal]), ...(read.from === undefined ? {} : { from: read.from }) })[Symbol.asyncIterator]();
  let received = 0;
  try {
    for (;;) {
      const next = pieces.next();
      next.catch(() => undefined); // the race may be lost before it fails
      const step = await Promise.race([next, overdue]);
      if (step === "overdue") {
        throw new ClientError("too-slow", `${url} took longer than ${String(Math.round(deadlineMs / 1000))} s; ${String(received)} bytes came`);
      }
      if (step.done === true) return;
      received += step.value.byteLength;
      if (received > maxBytes) throw read.tooLarge();
      yield step.value;
    }
  } catch (error) {
    if (error instanceof FetchError && error.code === "too-slow") throw new ClientError("too-slow", error.message, { cause: error });
    throw error;
  } finally {
    stop.abort();
    // Not awaited: a fetcher that hangs must not hold us.
    pieces.return?.(undefined).catch(() => undefined);
  }
}

/** The whole body at `url`. @throws as readBounded */
export async function readWhole(read: BoundedRead): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readBounded(read)) pieces.push(piece);
  return Buffer.concat(pieces);
}
