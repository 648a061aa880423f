// Fetching one artifact that metadata vouches for (TUF 5.7).
//
// Arbitrary software: the file gets its name only after its length and every hash that we
// can compute have been checked, at least one. Until then it lies under a temporary name.
//
// What a broken connection, or a process that was killed, left of a large one is taken up again, and vouched for by nobody:
// it is hashed like what follows. When the whole is wrong it may be the old part's fault, or of
// a server that joins two versions; so it is fetched once more from its beginning.

import type { Destination, Incoming } from "../ports/client-storage.ts";
import { FetchError } from "../ports/fetcher.ts";
import { createHasher, HASH_ALGORITHMS } from "../tuf/crypto.ts";
import { readBounded } from "./bounded-read.ts";
import { ClientError } from "./errors.ts";
import type { Found } from "./find.ts";
import type { Patience } from "./options.ts";
import type { Session } from "./session.ts";
import { artifactUrl } from "./urls.ts";

export interface Downloaded extends Found {
  /** Where it lies now. */
  readonly file: string;
  /** `unchanged`: the right bytes lay there already and nothing was fetched. */
  readonly state: "downloaded" | "unchanged";
}

/** Called as bytes arrive; both counts in bytes. */
export type Progress = (received: number, length: number) => void;

export interface DownloadOptions {
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

export async function download(session: Session, found: Found, destination: Destination, patience: Patience, options: DownloadOptions = {}): Promise<Downloaded> {
  const { path, target } = found;
  const expected = knownHashes(found);
  const file = destination.locate(path);

  const existing = await destination.existing(path, target.length);
  if (existing !== undefined && (await isArtifact(existing, target.length, expected))) return { ...found, file, state: "unchanged" };

  const { artifactsUrl: base, hashPrefix } = session.options;
  if (base === undefined) throw new ClientError("artifact-unavailable", `${path} cannot be fetched: the client was given no address of artifacts`);
  const prefixed = hashPrefix === true && session.trusted.root.signed.consistent_snapshot;
  const wanted = { found, expected, url: artifactUrl(base, path, prefixed ? expected[0]?.hash : undefined), patience, options };
  const resumed = await fetched(session, wanted, await destination.begin(path, target.length < WORTH_LEAVING_BYTES ? undefined : expected[0]?.hash.slice(0, 64)));
  return resumed ?? (await fetched(session, wanted, await destination.begin(path))) ?? unreachable();
}

interface Wanted {
  readonly found: Found;
  readonly expected: readonly KnownHash[];
  readonly url: string;
  readonly patience: Patience;
  readonly options: DownloadOptions;
}

/** Less than this is not worth taking up again. */
const WORTH_LEAVING_BYTES = 1_000_000;
/** What says that bytes are wrong, and not only that they did not come. */
const WRONG: ReadonlySet<string> = new Set(["artifact-too-large", "artifact-hash", "no-range"]);

/** Undefined: what an earlier try left cannot be its beginning, and is gone. */
async function fetched(session: Session, { found, expected, url, patience, options }: Wanted, incoming: Incoming): Promise<Downloaded | undefined> {
  const { target } = found;
  const { fetcher, clock } = session.options;
  const hashers = expected.map(({ algorithm, hash }) => ({ algorithm, hash, hasher: createHasher(algorithm) }));
  let received = 0;
  let earlier = 0;
  try {
    for await (const piece of incoming.earlier) {
      for (const { hasher } of hashers) hasher.update(piece);
      earlier = received += piece.byteLength;
    }
    if (earlier > target.length) {
      await incoming.discard();
      return undefined;
    }
    const rest = readBounded({
      fetcher,
      clock,
      url,
      maxBytes: target.length - earlier,
      deadlineMs: patience.artifactMs + (target.length / patience.bytesPerSecond) * 1000,
      tooLarge: () => new ClientError("artifact-too-large", `${url} sends more than the ${String(target.length)} bytes that ${found.role} version ${String(found.version)} names`),
      ...(earlier === 0 ? {} : { from: earlier }),
      signal: options.signal,
    });
    // All of it may have been there, and only the name not yet given.
    for await (const piece of earlier === target.length && earlier > 0 ? [] : rest) {
      for (const { hasher } of hashers) hasher.update(piece);
      await incoming.write(piece);
      received += piece.byteLength;
      options.progress?.(received, target.length);
    }
    if (received < target.length) {
      throw new ClientError("artifact-too-short", `${url} sent ${String(received)} bytes; ${found.role} version ${String(found.version)} names ${String(target.length)}`);
    }
    for (const { algorithm, hash, hasher } of hashers) {
      const got = hasher.hex();
      if (got !== hash) throw new ClientError("artifact-hash", `${url} is not what ${found.role} version ${String(found.version)} names: ${algorithm} is ${got}, not ${hash}`);
    }
    return { ...found, file: await incoming.keep(), state: "downloaded" };
  } catch (error) {
    const code = error instanceof FetchError || error instanceof ClientError ? error.code : undefined;
    const isWrong = code !== undefined && WRONG.has(code);
    if (code !== undefined && !isWrong && received >= WORTH_LEAVING_BYTES) await incoming.leave();
    else await incoming.discard();
    if (isWrong && earlier > 0) return undefined;
    if (!(error instanceof FetchError)) throw error;
    const missing = error.code === "not-found" || error.code === "denied" || error.code === "gone";
    throw new ClientError(missing ? "artifact-not-found" : "artifact-unavailable", `${url} could not be read: ${error.message}`, { cause: error });
  }
}

function unreachable(): never {
  throw new Error("a fetch without an earlier part answers or throws");
}

interface KnownHash {
  readonly algorithm: HashAlgorithm;
  readonly hash: string;
}
type HashAlgorithm = Parameters<typeof createHasher>[0];

function knownHashes({ path, role, target }: Found): readonly KnownHash[] {
  const known = Object.entries(target.hashes).flatMap(([algorithm, hash]) => (isKnown(algorithm) ? [{ algorithm, hash }] : []));
  if (known.length > 0) return known;
  throw new ClientError("artifact-hash-unknown", `${path} cannot be verified: ${role} names only ${Object.keys(target.hashes).join(", ") || "no hash"}`);
}

function isKnown(algorithm: string): algorithm is HashAlgorithm {
  return HASH_ALGORITHMS.has(algorithm);
}

async function isArtifact(pieces: AsyncIterable<Uint8Array>, length: number, expected: readonly KnownHash[]): Promise<boolean> {
  const hashers = expected.map(({ algorithm, hash }) => ({ hash, hasher: createHasher(algorithm) }));
  let received = 0;
  for await (const piece of pieces) {
    received += piece.byteLength;
    if (received > length) return false;
    for (const { hasher } of hashers) hasher.update(piece);
  }
  return received === length && hashers.every(({ hash, hasher }) => hasher.hex() === hash);
}
