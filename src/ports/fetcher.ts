// How a client gets bytes it does not trust yet.

import { AppError } from "../lib/app-error.ts";

export interface Fetcher {
  /**
   * The body found at `url`, in pieces, in order. Ends after the last one. Reading stops,
   * and the connection with it, when the caller stops iterating.
   * Follows up to five redirects; gives up when nothing arrives for 30 s.
   * @throws FetchError `not-found` for 404 (file: for a missing file); `denied` for 401 and 403;
   *         `gone` for 410; `unavailable` for all else; `too-slow`.
   */
  fetch(url: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<Uint8Array>;
}

export class FetchError extends AppError<"not-found" | "denied" | "gone" | "unavailable" | "too-slow"> {}
