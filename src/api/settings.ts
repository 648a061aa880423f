// How the HTTP side behaves, as configuration decided. Read once, when the API is made.

import type { OperationDeps, OperationLimits } from "../operations/deps.ts";

export interface ApiSettings {
  /** The program's version, for the OpenAPI document. */
  readonly version: string;
  /**
   * Host names (`repo.example`, or `repo.example:8443` for that port only) that requests may be
   * addressed to; others get 421. "any" answers to every name, which lets a web page whose DNS
   * name is rebound to this address talk to it: only behind a proxy that checks.
   */
  readonly allowedHosts: readonly string[] | "any";
  /** `https://repo.example`: what browsers call this service when a proxy stands before it. */
  readonly publicOrigins?: readonly string[];
  /** Who may use /api/v1. Absent: anybody who can connect. */
  readonly tokens?: readonly ApiToken[];
  /** Endpoints that are not there, in the contract's spelling or as `POST /api/v1/artifacts`. */
  readonly disabledEndpoints: readonly string[];
  readonly limits: ApiLimits;
  /** Writes per client address; absent: no limit. */
  readonly rateLimit?: RateLimit;
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer };
  /** What is left of a lifetime when a role is signed again; a third when absent. */
  readonly refreshAtFraction?: number;
  /** A document that would expire so soon is not published any more; 0 when absent. */
  readonly refreshMarginMs?: number | undefined;
  /** How long before they expire roles ask people for their signatures. */
  readonly signingWindows?: OperationDeps["signingWindows"];
  /** Trial mode: nothing here depends on it but what the documentation page says. */
  readonly trial: boolean;
}

export interface ApiToken {
  /** sha256 of the token, lower-case hex. The token itself is never kept. */
  readonly sha256: string;
  /** Who holds it; appears in logs and separates Idempotency-Keys. */
  readonly name?: string;
}

export interface RateLimit {
  readonly writesPerSecond: number;
  /** How many may come at once after a quiet time. */
  readonly burst: number;
}

export interface ApiLimits extends OperationLimits {
  readonly bodyBytes: number;
  /** Bytes of one line of an import. */
  readonly lineBytes: number;
  /** Bytes of all request bodies being received or read at one time. */
  readonly bodyBytesInFlight: number;
  /** Lists and objects within each other in a body. */
  readonly jsonDepth: number;
  readonly connections: number;
  /** Requests that wait for a task (`Prefer: wait`); further ones are answered at once. */
  readonly waiters: number;
  /** Reads of lists at one time; further ones are answered 429. */
  readonly reads: { readonly atOnce: number; readonly waiting: number };
  /** Event streams open at one time; further ones are answered 503. */
  readonly streams: number;
  /** How long a stream may take to receive what was written before it is cut off. */
  readonly streamStallMs: number;
  /** Until a request's headers are complete. */
  readonly headersTimeoutMs: number;
  /** Until a request is received completely; of an import, until more of it is. */
  readonly requestTimeoutMs: number;
  /** A connection on which nothing moves for this long is closed. */
  readonly idleTimeoutMs: number;
}

export const DEFAULT_LIMITS: ApiLimits = {
  bodyBytes: 64 * 1024 * 1024,
  bodyBytesInFlight: 256 * 1024 * 1024,
  lineBytes: 65_536,
  artifactsPerRequest: 100_000,
  importArtifacts: 20_000_000,
  openImports: 16,
  customBytes: 16_384,
  jsonDepth: 64,
  connections: 1000,
  waiters: 1000,
  reads: { atOnce: 2, waiting: 200 },
  streams: 100,
  streamStallMs: 10_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  idleTimeoutMs: 120_000,
  backlog: { changes: 2_000_000, bytes: 1024 * 1024 * 1024 },
};

export const LOOPBACK_HOSTS: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];
