// What an embedder chooses, and what he gets when he does not.

import type { ClientCache } from "../ports/client-storage.ts";
import type { Clock } from "../ports/clock.ts";
import type { Fetcher } from "../ports/fetcher.ts";
import { CLIENT_LIMITS } from "../tuf/trusted-set.ts";

/**
 * Where trust begins.
 * - `root`: these bytes, got by a way the caller trusts. The best choice.
 * - `"cache"`: the newest root the cache holds.
 * - `"first-use"`: the cache's; when it has none, whatever the repository calls its first
 *   root. Whoever answers that first request is trusted for ever after.
 */
export type Trust = { readonly root: Uint8Array } | "cache" | "first-use";

export type ClientLimits = {
  /** How much is read of a file whose length no parent names, bytes. */
  readonly rootBytes: number;
  readonly timestampBytes: number;
  readonly snapshotBytes: number;
  readonly targetsBytes: number;
  /** The longest metadata file a parent may announce, bytes. */
  readonly announcedBytes: number;
  /** How many root versions one refresh goes forward. */
  readonly rootRotations: number;
  /** How many delegated roles one search visits, beside targets. */
  readonly delegations: number;
};

export type Patience = {
  /** The most one metadata file may take, milliseconds. */
  readonly metadataMs: number;
  /** The most one whole refresh may take, milliseconds. */
  readonly refreshMs: number;
  /** The most one artifact may take, milliseconds, beside the time its length takes at `bytesPerSecond`. */
  readonly artifactMs: number;
  /** The slowest an artifact may come on the whole. */
  readonly bytesPerSecond: number;
};

export interface ClientOptions {
  readonly metadataUrl: string;
  /** Needed by `download` alone. */
  readonly artifactsUrl?: string;
  readonly trust: Trust;
  readonly fetcher: Fetcher;
  readonly cache: ClientCache;
  readonly clock: Clock;
  /**
   * Ask for `dir/HASH.name` in place of `dir/name` where root says `consistent_snapshot`.
   * Off-spec: 3.1.1 recommends the prefix and other clients default to true. False here,
   * because this service never touches the artifacts: they keep the names they have.
   */
  readonly hashPrefix?: boolean;
  readonly limits?: Partial<ClientLimits>;
  readonly patience?: Partial<Patience>;
}

export const DEFAULT_LIMITS: ClientLimits = {
  rootBytes: CLIENT_LIMITS.rootBytes,
  timestampBytes: CLIENT_LIMITS.timestampBytes,
  snapshotBytes: CLIENT_LIMITS.snapshotBytes,
  targetsBytes: CLIENT_LIMITS.targetsBytes,
  announcedBytes: 64 * 1024 * 1024,
  rootRotations: CLIENT_LIMITS.rootRotations,
  delegations: CLIENT_LIMITS.delegations,
};

export const DEFAULT_PATIENCE: Patience = { metadataMs: 120_000, refreshMs: 600_000, artifactMs: 60_000, bytesPerSecond: 4_096 };
