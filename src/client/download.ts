// Fetching one artifact that metadata vouches for (TUF 5.7).
//
// Arbitrary software: the file gets its name only after its length and every hash that we
// can compute have been checked, at least one. Until then it lies under a temporary name.

import type { Destination } from "../ports/client-storage.ts";
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

export async function download(
  session: Session,
  found: Found,
  destination: Destination,
  patience: Patience,
  progress?: Progress,
): Promise<Downloaded> {
  const { path, target } = found;
  const expected = knownHashes(found);
  const file = destination.locate(path);

  const existing = await destination.existing(path, target.length);
  if (existing !== undefined && (await isArtifact(existing, target.length, expected))) return { ...found, file, state: "unchanged" };

  const { artifactsUrl: base, fetcher, clock, hashPrefix } = session.options;
  if (base === undefined) throw new ClientError("artifact-unavailable", `${path} cannot be fetched: the client was given no address of artifacts`);
  const prefixed = hashPrefix === true && session.trusted.root.signed.consistent_snapshot;
  const url = artifactUrl(base, path, prefixed ? expected[0]?.hash : undefined);

  const hashers = expected.map(({ algorithm, hash }) => ({ algorithm, hash, hasher: createHasher(algorithm) }));
  const pieces = readBounded({
    fetcher,
    clock,
    url,
    maxBytes: target.length,
    deadlineMs: patience.artifactMs + (target.length / patience.bytesPerSecond) * 1000,
    tooLarge: () => new ClientError("artifact-too-large", `${url} sends more than the ${String(target.length)} bytes that ${found.role} version ${String(found.version)} names`),
  });
  const incoming = await destination.begin(path);
  try {
    let received = 0;
    for await (const piece of pieces) {
      for (const { hasher } of hashers) hasher.update(piece);
      await incoming.write(piece);
      received += piece.byteLength;
      progress?.(received, target.length);
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
    await incoming.discard();
    if (!(error instanceof FetchError)) throw error;
    const missing = error.code === "not-found" || error.code === "denied" || error.code === "gone";
    throw new ClientError(missing ? "artifact-not-found" : "artifact-unavailable", `${url} could not be read: ${error.message}`, { cause: error });
  }
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
