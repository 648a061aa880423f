// A TUF client: what may be downloaded from a repository, and that it is what it should be.
//
// It follows the specification's client workflow (section 5) step by step, on tuf/trusted-set.
// What it keeps:
//  1. No artifact gets its name before its length and hashes were verified against metadata
//     that a chain of signatures ties to the trusted root.
//  2. Metadata never goes back to what this cache has seen newer (rollback), is never taken
//     after it expired (freeze), and is all of one snapshot (mix-and-match).
//  3. No answer makes it read without end, wait without end, or write outside its folders.
// It speaks through ports: a fetcher, a cache, a destination, a clock.

import type { Destination } from "../ports/client-storage.ts";
import { download } from "./download.ts";
import type { Downloaded, Progress } from "./download.ts";
import { ClientError } from "./errors.ts";
import { find } from "./find.ts";
import type { Found } from "./find.ts";
import { MetadataSource } from "./metadata-source.ts";
import { DEFAULT_LIMITS, DEFAULT_PATIENCE } from "./options.ts";
import type { ClientLimits, ClientOptions, Patience } from "./options.ts";
import { refresh } from "./refresh.ts";
import type { Session } from "./session.ts";

/** What the repository said at the last refresh: versions of its top-level roles. */
export interface Refreshed {
  readonly root: number;
  readonly timestamp: number;
  readonly snapshot: number;
  readonly targets: number;
}

export class Client {
  readonly #options: ClientOptions;
  readonly #limits: ClientLimits;
  readonly #patience: Patience;
  readonly #source: MetadataSource;
  #session: Promise<Session> | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#patience = { ...DEFAULT_PATIENCE, ...options.patience };
    this.#source = new MetadataSource(options, this.#limits, this.#patience);
  }

  /**
   * Brings the top-level metadata up to now. May be repeated; searches that run meanwhile
   * end on the metadata they began with.
   * @throws TufError | ClientError | ClientStorageError: then the client has no metadata until
   *         a refresh succeeds
   */
  async refresh(): Promise<Refreshed> {
    const { trusted } = await this.#refreshed();
    return {
      root: trusted.root.signed.version,
      timestamp: trusted.timestamp?.signed.version ?? 0,
      snapshot: trusted.snapshot?.signed.version ?? 0,
      targets: trusted.targets()?.signed.version ?? 0,
    };
  }

  /** What the repository says about `path`, as of the last refresh (the first call refreshes). Undefined: not in the repository. */
  async find(path: string): Promise<Found | undefined> {
    return find(await (this.#session ?? this.#refreshed()), path);
  }

  /**
   * Fetches `path`, verifies it, and puts it into `destination`. What lies there already and
   * is right is left alone; of a large one that broke off the rest is fetched. An aborted signal
   * breaks it off.
   * @throws ClientError `artifact-*`, `too-slow`; ClientStorageError; what `find` throws
   */
  async download(path: string, destination: Destination, options: { readonly progress?: Progress; readonly signal?: AbortSignal } = {}): Promise<Downloaded> {
    destination.locate(path); // refuses a bad name before anything is fetched
    const session = await (this.#session ?? this.#refreshed());
    const found = await find(session, path);
    if (found === undefined) throw new ClientError("artifact-unknown", `${JSON.stringify(path)} is not in the repository at ${this.#options.metadataUrl}: no role the client trusts lists it`);
    return download(session, found, destination, this.#patience, options);
  }

  #refreshed(): Promise<Session> {
    const session = refresh(this.#options, this.#limits, this.#patience, this.#source);
    this.#session = session;
    session.catch(() => {
      if (this.#session === session) this.#session = undefined;
    });
    return session;
  }
}
