// From the root that is trusted to the newest one (TUF 5.3).
//
// Every root on the way is verified by its predecessor and by itself, whether it comes
// from the cache or from afar; only the first is taken on trust. The cache holds one chain:
// when another first root is given, what does not follow from that one is forgotten.

import type { ClientCache } from "../ports/client-storage.ts";
import type { Root, TopLevelRole } from "../tuf/documents.ts";
import { TufError } from "../tuf/errors.ts";
import { samePublicKey } from "../tuf/keys.ts";
import { TrustedSet } from "../tuf/trusted-set.ts";
import { ClientError } from "./errors.ts";
import type { MetadataSource } from "./metadata-source.ts";
import type { ClientLimits, Trust } from "./options.ts";

/**
 * The trusted set on its first root (TUF 5.2).
 * @throws ClientError `no-trusted-root`; TufError when a given root does not verify itself
 */
export async function establishTrust(trust: Trust, cache: ClientCache, source: MetadataSource, limits: ClientLimits, now: number): Promise<TrustedSet> {
  if (typeof trust === "object") {
    const set = new TrustedSet(trust.root, { now });
    const version = set.root.signed.version;
    const cached = await cache.readRoot(version, limits.rootBytes);
    if (cached?.equals(trust.root) === true) return set;
    await cache.removeRootsFrom(await endOfChain(trust.root, cache, limits, now));
    const older = await newestCached(cache, limits, now, version);
    if (older !== undefined) await forgetIfRotated(cache, older.root.signed, set.root.signed);
    await cache.writeRoot(version, trust.root);
    return set;
  }
  const set = await newestCached(cache, limits, now, Number.MAX_SAFE_INTEGER);
  if (set !== undefined) return set;
  if (trust === "cache") {
    throw new ClientError("no-trusted-root", "no trusted root: give the repository's root.json, got by a way you trust, or ask to trust the first one seen");
  }
  const bytes = await source.fetch({ role: "root", version: 1, defaultBytes: limits.rootBytes });
  const first = new TrustedSet(bytes, { now });
  await cache.writeRoot(first.root.signed.version, bytes);
  return first;
}

/**
 * Goes forward root by root until the server has no next one (TUF 5.3.3 - 5.3.9).
 * Answers whether it stopped for the limit instead; the roots so far are kept, and the
 * next refresh goes on from there.
 * @throws TufError for a root that does not verify
 */
export async function followRoots(set: TrustedSet, cache: ClientCache, source: MetadataSource, limits: ClientLimits): Promise<{ readonly stoppedAtLimit: boolean }> {
  for (let fetched = 0; fetched < limits.rootRotations; ) {
    const version = set.root.signed.version + 1;
    const cached = await cache.readRoot(version, limits.rootBytes);
    if (cached !== undefined && accepts(() => { set.updateRoot(cached); })) continue;
    const bytes = await source.fetchIfThere({ role: "root", version, defaultBytes: limits.rootBytes });
    if (bytes === undefined) return { stoppedAtLimit: false };
    fetched += 1;
    const previous = set.root.signed;
    set.updateRoot(bytes);
    // Before the root is kept, so that a crash between the two repeats this step.
    await forgetIfRotated(cache, previous, set.root.signed);
    await cache.writeRoot(version, bytes);
  }
  return { stoppedAtLimit: true };
}

/** Runs a verification whose refusal only means: as if it weren't there. */
export function accepts(verify: () => void): boolean {
  try {
    verify();
    return true;
  } catch (error) {
    if (error instanceof TufError) return false;
    throw error;
  }
}

/** The newest cached root below `below` that can be read and verifies itself. */
async function newestCached(cache: ClientCache, limits: ClientLimits, now: number, below: number): Promise<TrustedSet | undefined> {
  for (const version of (await cache.rootVersions()).toReversed()) {
    if (version >= below) continue;
    const bytes = await cache.readRoot(version, limits.rootBytes);
    if (bytes === undefined) continue;
    let set: TrustedSet | undefined;
    accepts(() => { set = new TrustedSet(bytes, { now }); });
    if (set?.root.signed.version === version) return set;
  }
  return undefined;
}

/** The first version that the cached roots, each the successor of the one before, do not reach from `root`. */
async function endOfChain(root: Uint8Array, cache: ClientCache, limits: ClientLimits, now: number): Promise<number> {
  const set = new TrustedSet(root, { now });
  for (;;) {
    const next = await cache.readRoot(set.root.signed.version + 1, limits.rootBytes);
    if (next === undefined || !accepts(() => { set.updateRoot(next); })) return set.root.signed.version + 1;
  }
}

/**
 * Recovery from a fast-forward attack (TUF 5.3.11): whoever pushed versions up with a stolen
 * key loses that advantage once the key is replaced.
 */
async function forgetIfRotated(cache: ClientCache, before: Root, after: Root): Promise<void> {
  if (!rotates(before, after, "timestamp") && !rotates(before, after, "snapshot")) return;
  await cache.remove("timestamp");
  await cache.remove("snapshot");
}

/** Whether a public key that could sign `role` no longer can. A key added alone takes nothing away. */
function rotates(before: Root, after: Root, role: TopLevelRole): boolean {
  const keysOf = (root: Root) => root.roles[role].keyids.flatMap((keyid) => (Object.hasOwn(root.keys, keyid) ? [root.keys[keyid]] : [])).filter((key) => key !== undefined);
  const kept = keysOf(after);
  return keysOf(before).some((old) => !kept.some((key) => samePublicKey(old, key)));
}
