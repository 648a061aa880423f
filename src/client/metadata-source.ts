// Metadata from afar: one file, bounded in bytes and time, with a refusal that names it.

import { FetchError } from "../ports/fetcher.ts";
import { readWhole } from "./bounded-read.ts";
import { ClientError } from "./errors.ts";
import type { ClientLimits, ClientOptions, Patience } from "./options.ts";
import { metadataUrl } from "./urls.ts";

export interface MetadataRequest {
  readonly role: string;
  /** Undefined: the name without a version. */
  readonly version?: number | undefined;
  /** What a client reads when the parent names no length. */
  readonly defaultBytes: number;
  /** What the parent names. */
  readonly length?: number | undefined;
  /** The role that names the length. */
  readonly parent?: string;
}

export class MetadataSource {
  readonly #options: ClientOptions;
  readonly #limits: ClientLimits;
  readonly #patience: Patience;
  readonly #endMs: number;

  /** `endMs`: by the monotonic clock, when the last file must have come. */
  constructor(options: ClientOptions, limits: ClientLimits, patience: Patience, endMs = Number.POSITIVE_INFINITY) {
    this.#options = options;
    this.#limits = limits;
    this.#patience = patience;
    this.#endMs = endMs;
  }

  /** The same source for `ms` from now on: all its files together take no longer. */
  within(ms: number): MetadataSource {
    return new MetadataSource(this.#options, this.#limits, this.#patience, this.#options.clock.monotonic() + ms);
  }

  /** @throws ClientError `metadata-not-found` | `metadata-unavailable` | `metadata-too-large` | `too-slow` */
  async fetch(request: MetadataRequest): Promise<Buffer> {
    const { fetcher, clock, metadataUrl: base } = this.#options;
    const url = metadataUrl(base, request.role, request.version);
    const maxBytes = request.length ?? request.defaultBytes;
    const bound = request.length === undefined ? "a client reads of such a file" : `${request.parent ?? "its parent"} names`;
    if (maxBytes > this.#limits.announcedBytes) {
      throw new ClientError("metadata-too-large", `${url}: ${request.parent ?? "its parent"} names ${String(maxBytes)} bytes, over the ${String(this.#limits.announcedBytes)} a client reads`);
    }
    try {
      return await readWhole({
        fetcher,
        clock,
        url,
        maxBytes,
        deadlineMs: Math.max(0, Math.min(this.#patience.metadataMs, this.#endMs - clock.monotonic())),
        tooLarge: () => new ClientError("metadata-too-large", `${url} sends more than the ${String(maxBytes)} bytes that ${bound}`),
      });
    } catch (error) {
      if (!(error instanceof FetchError)) throw error;
      const missing = error.code === "not-found" || error.code === "denied";
      throw new ClientError(missing ? "metadata-not-found" : "metadata-unavailable", error.message, { cause: error });
    }
  }

  /** The same; undefined when the server has no such file (404, or 403 as some buckets say). */
  async fetchIfThere(request: MetadataRequest): Promise<Buffer | undefined> {
    try {
      return await this.fetch(request);
    } catch (error) {
      if (error instanceof ClientError && error.code === "metadata-not-found") return undefined;
      throw error;
    }
  }
}
