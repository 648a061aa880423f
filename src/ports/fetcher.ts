// How a client gets bytes it does not trust yet.

import { AppError } from "../lib/app-error.ts";

export interface Fetcher {
  /**
   * The body found at `url`, in pieces, in order. Ends after the last one. Reading stops,
   * and the connection with it, when the caller stops iterating.
   * Follows up to five redirects; gives up when nothing arrives for 30 s.
   * With `from` only what is behind that many bytes; a source that gives the whole instead is read
   * and its beginning left out.
   * @throws FetchError `not-found` for 404 (file: for a missing file); `denied` for 401 and 403;
   *         `gone` for 410; `unavailable` for all else; `too-slow`;
   *         `no-range` when the source will not give, or claims not to have, what is behind `from`.
   */
  fetch(url: string, options?: { readonly signal?: AbortSignal; readonly from?: number }): AsyncIterable<Uint8Array>;
}

export class FetchError extends AppError<"not-found" | "denied" | "gone" | "unavailable" | "too-slow" | "no-range"> {}
