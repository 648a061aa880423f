// The client workflow for the top-level roles, step by step (TUF 5.2 - 5.6).
//
// What the cache holds is loaded first: it guards against rollback, and a returning client
// fetches timestamp.json and the one root that isn't there, no more. Nothing is written to
// the cache before it verified.

import type { Timestamp } from "../tuf/documents.ts";
import { TufError } from "../tuf/errors.ts";
import type { MetadataSource } from "./metadata-source.ts";
import type { ClientLimits, ClientOptions, Patience } from "./options.ts";
import { accepts, establishTrust, followRoots } from "./root-chain.ts";
import { loadRole } from "./roles.ts";
import type { Session } from "./session.ts";

export async function refresh(options: ClientOptions, limits: ClientLimits, patience: Patience, unhurried: MetadataSource): Promise<Session> {
  const { cache, clock } = options;
  const source = unhurried.within(patience.refreshMs);
  // 5.1: one moment for all that is checked in this session.
  const now = clock.now();
  const trusted = await establishTrust(options.trust, cache, source, limits, now);
  const { stoppedAtLimit } = await followRoots(trusted, cache, source, limits);
  const session: Session = { options, limits, source, trusted, roles: new Map() };
  try {
    const timestamp = await loadTimestamp(session);
    await loadSnapshot(session, timestamp);
    await loadRole(session, "targets", "root");
  } catch (error) {
    if (!stoppedAtLimit || !(error instanceof TufError)) throw error;
    const progress = `this refresh stopped at root version ${String(trusted.root.signed.version)}, after ${String(limits.rootRotations)} new ones; the next one goes on from there`;
    throw new TufError(error.code, `${error.message}; ${progress}`, { cause: error });
  }
  return { ...session, source: unhurried };
}

/** TUF 5.4. */
async function loadTimestamp({ options, limits, source, trusted }: Session): Promise<Timestamp> {
  const cached = await options.cache.read("timestamp", limits.timestampBytes);
  // Also an expired one guards against rollback; the set keeps it for that.
  if (cached !== undefined) accepts(() => { trusted.updateTimestamp(cached); });
  const bytes = await source.fetch({ role: "timestamp", defaultBytes: limits.timestampBytes });
  try {
    trusted.updateTimestamp(bytes);
    await options.cache.write("timestamp", bytes, { bytes: cached, maxBytes: limits.timestampBytes });
  } catch (error) {
    // 5.4.3.1: nothing new. Whether the one we have is still fresh shows at the snapshot.
    if (!(error instanceof TufError && error.code === "timestamp-equal")) throw error;
  }
  const current = trusted.timestamp;
  if (current === undefined) throw new TufError("trusted-set-order", "no timestamp after it was accepted");
  return current.signed;
}

/** TUF 5.5. */
async function loadSnapshot({ options, limits, source, trusted }: Session, timestamp: Timestamp): Promise<void> {
  const meta = timestamp.meta["snapshot.json"];
  const maxBytes = Math.min(limits.announcedBytes, Math.max(meta.length ?? 0, limits.snapshotBytes));
  const cached = await options.cache.read("snapshot", maxBytes);
  if (cached !== undefined) {
    try {
      trusted.updateSnapshot(cached, { trusted: true });
      return;
    } catch (error) {
      // A frozen timestamp ends the update; anything else is a cached file that is no longer the one.
      if (!(error instanceof TufError) || error.code === "timestamp-expired") throw error;
    }
  }
  const bytes = await source.fetch({
    role: "snapshot",
    version: trusted.root.signed.consistent_snapshot ? meta.version : undefined,
    defaultBytes: limits.snapshotBytes,
    length: meta.length,
    parent: "timestamp.json",
  });
  trusted.updateSnapshot(bytes);
  await options.cache.write("snapshot", bytes, { bytes: cached, maxBytes });
}
