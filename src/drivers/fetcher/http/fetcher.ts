// Bytes over HTTP and HTTPS, with Node's own fetch.
//
// What comes is not trusted: it is passed on piece by piece, never collected here, and a
// server that goes silent is left. Compressed answers are not asked for: lengths in
// metadata are those of the stored bytes, and a small answer cannot unfold into a large one.

import type { ReadableStream } from "node:stream/web";
import { connectionReason } from "../../../lib/connection-words.ts";
import { FetchError } from "../../../ports/fetcher.ts";
import type { Fetcher } from "../../../ports/fetcher.ts";

export interface HttpFetcherOptions {
  /** Sent as `User-Agent: rstuf/<version>`. */
  readonly version: string;
  /** Gives up when nothing arrives for so long, milliseconds. Default 30,000. */
  readonly stallMs?: number;
}

const REDIRECTS = 5;
const REDIRECT_STATUS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const REFUSALS: ReadonlyMap<number, "not-found" | "denied" | "gone"> = new Map([
  [401, "denied"],
  [403, "denied"],
  [404, "not-found"],
  [410, "gone"],
] as const);

export function createHttpFetcher(options: HttpFetcherOptions): Fetcher {
  const stallMs = options.stallMs ?? 30_000;
  const headers = { "user-agent": `rstuf/${options.version}`, accept: "*/*", "accept-encoding": "identity" };

  return {
    async *fetch(url, { signal, from = 0 } = {}) {
      const ending = new AbortController();
      const watch = new StallWatch(url, stallMs, signal, ending);
      try {
        const response = await watch.wait(follow(url, from === 0 ? headers : { ...headers, range: `bytes=${from}-` }, ending.signal));
        if (response.body === null) return;
        let surplus = response.status === 206 ? 0 : from;
        const reader = (response.body as ReadableStream<Uint8Array>).getReader();
        for (;;) {
          const { done, value } = await watch.wait(reader.read());
          if (done) return;
          const wanted = value.subarray(Math.min(surplus, value.length));
          surplus -= value.length - wanted.length;
          if (wanted.length > 0) yield wanted;
        }
      } finally {
        // Also when the caller stopped iterating: the connection ends with it.
        ending.abort();
      }
    },
  };
}

async function follow(start: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
  let url = parse(start, start);
  for (let hops = 0; ; hops += 1) {
    const response = await fetch(url, { headers, signal, redirect: "manual" });
    if (response.status === 200) return response;
    const from = /^bytes=(\d+)-$/.exec(headers["range"] ?? "")?.[1];
    // A server may cut the end off, and what is missing is asked for again; another beginning would be put in the wrong place.
    if (response.status === 206 && from !== undefined && response.headers.get("content-range")?.startsWith(`bytes ${from}-`) === true) return response;
    await response.body?.cancel();
    if (from !== undefined && (response.status === 206 || response.status === 416)) throw new FetchError("no-range", `${shown(url)} does not give what is behind ${from} bytes`);
    const location = response.headers.get("location");
    if (!REDIRECT_STATUS.has(response.status) || location === null) {
      throw new FetchError(REFUSALS.get(response.status) ?? "unavailable", `${shown(url)} answered ${response.status}`);
    }
    if (hops === REDIRECTS) throw new FetchError("unavailable", `${start} redirects more than ${REDIRECTS} times`);
    const next = parse(location, start, url);
    if (url.protocol === "https:" && next.protocol === "http:") {
      throw new FetchError("unavailable", `${shown(url)} redirects from https to http`);
    }
    url = next;
  }
}

function parse(text: string, start: string, base?: URL): URL {
  const url = URL.parse(text, base?.href);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new FetchError("unavailable", `${start}: only http and https URLs are fetched`);
  }
  if (url.username !== "" || url.password !== "") throw new FetchError("unavailable", `${shown(url)}: a URL must not carry a user or password`);
  return url;
}

/** A query may be a credential (a signed URL), so errors leave it out. */
function shown(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

/** Waits for one step of a fetch, and ends the whole when it takes too long or the caller gives up. */
class StallWatch {
  readonly #url: string;
  readonly #stallMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #ending: AbortController;

  constructor(url: string, stallMs: number, signal: AbortSignal | undefined, ending: AbortController) {
    this.#url = URL.canParse(url) ? shown(new URL(url)) : url;
    this.#stallMs = stallMs;
    this.#signal = signal;
    this.#ending = ending;
  }

  async wait<T>(step: Promise<T>): Promise<T> {
    const signal = this.#signal;
    const giveUp = Promise.withResolvers<never>();
    const onAbort = (): void => giveUp.reject(new FetchError("unavailable", `${this.#url}: the caller gave up`, { cause: signal?.reason }));
    const timer = setTimeout(
      () => giveUp.reject(new FetchError("too-slow", `${this.#url}: nothing arrived for ${this.#stallMs} ms`)),
      this.#stallMs,
    );
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    // The loser of the race may still fail, once the connection is torn down.
    step.catch(() => undefined);
    try {
      return await Promise.race([step, giveUp.promise]);
    } catch (error) {
      this.#ending.abort();
      if (error instanceof FetchError) throw error;
      throw new FetchError("unavailable", `${this.#url} could not be fetched: ${connectionReason(error)}`, { cause: error });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }
}
