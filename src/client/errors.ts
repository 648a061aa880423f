import { AppError } from "../lib/app-error.ts";

/**
 * Why the client gave up or refused, where it is not the metadata's own fault (that is a
 * TufError, whose codes name the step of the client workflow). Codes are API.
 *
 * - `no-trusted-root`       nothing to start from: no root given, none in the cache
 * - `metadata-not-found`    the server has no such metadata file, and the update needs it
 * - `metadata-unavailable`  the server could not be reached or answered with a fault
 * - `metadata-too-large`    more bytes than its parent names, or than a client reads (endless data)
 * - `too-slow`              stalled, or over its deadline (slow retrieval)
 * - `delegations-limit`     32 roles were searched and more remained
 * - `artifact-unknown`      no role the client trusts lists this path
 * - `artifact-path`         a path that cannot be asked for: `.` or `..` segments
 * - `artifact-not-found`    listed in metadata, but the server does not have it
 * - `artifact-unavailable`  the server could not be reached or answered with a fault
 * - `artifact-too-large`    more bytes than metadata says (endless data)
 * - `artifact-too-short`    fewer bytes than metadata says
 * - `artifact-hash`         the bytes are not the ones that metadata names
 * - `artifact-hash-unknown` metadata names no hash that this client knows
 */
export class ClientError extends AppError<
  | "no-trusted-root"
  | "metadata-not-found"
  | "metadata-unavailable"
  | "metadata-too-large"
  | "too-slow"
  | "delegations-limit"
  | "artifact-unknown"
  | "artifact-path"
  | "artifact-not-found"
  | "artifact-unavailable"
  | "artifact-too-large"
  | "artifact-too-short"
  | "artifact-hash"
  | "artifact-hash-unknown"
> {}
