// Targets and delegated roles: each from the cache if it is the one snapshot names, else from afar (TUF 5.6).

import { TufError } from "../tuf/errors.ts";
import type { ParsedEnvelope } from "../tuf/parse.ts";
import { own } from "../lib/own.ts";
import type { Session } from "./session.ts";

/**
 * `role` as `delegator` vouches for it. Loaded and verified once per delegator and session,
 * also when many searches ask for it at once.
 * @throws TufError, ClientError: then the search that needs it cannot go on (5.6.7)
 */
export function loadRole(session: Session, role: string, delegator: string): Promise<ParsedEnvelope<"targets">> {
  const key = JSON.stringify([delegator, role]);
  const known = session.roles.get(key);
  if (known !== undefined) return known;
  const loading = load(session, role, delegator);
  session.roles.set(key, loading);
  // A failure is told to whoever waits, and not remembered: the next search tries again.
  loading.catch(() => session.roles.delete(key));
  return loading;
}

async function load({ options, limits, source, trusted }: Session, role: string, delegator: string): Promise<ParsedEnvelope<"targets">> {
  const loaded = trusted.targets(role);
  if (loaded !== undefined) {
    trusted.updateTargets(loaded.bytes, role, delegator);
    return loaded;
  }
  const snapshot = trusted.snapshot;
  if (snapshot === undefined) throw new TufError("trusted-set-order", `${role} was asked for before snapshot`);
  const meta = own(snapshot.signed.meta, `${role}.json`);
  if (meta === undefined) throw new TufError("targets-not-in-snapshot", `${delegator} delegates to ${role}, but snapshot ${String(snapshot.signed.version)} does not list it`);

  const cached = await options.cache.read(role, meta.length ?? limits.targetsBytes);
  if (cached !== undefined) {
    try {
      trusted.updateTargets(cached, role, delegator);
      return loadedRole(trusted.targets(role), role);
    } catch (error) {
      if (!(error instanceof TufError)) throw error;
    }
  }
  const bytes = await source.fetch({
    role,
    version: trusted.root.signed.consistent_snapshot ? meta.version : undefined,
    defaultBytes: limits.targetsBytes,
    length: meta.length,
    parent: "snapshot.json",
  });
  trusted.updateTargets(bytes, role, delegator);
  await options.cache.write(role, bytes);
  return loadedRole(trusted.targets(role), role);
}

function loadedRole(parsed: ParsedEnvelope<"targets"> | undefined, role: string): ParsedEnvelope<"targets"> {
  if (parsed === undefined) throw new TufError("trusted-set-order", `no ${role} after it was accepted`);
  return parsed;
}
