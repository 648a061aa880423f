// Whether a bootstrap's root and settings can become a repository, and what it will be.
//
// Everything that would make clients refuse the repository later is refused here, with
// the reason: after the first publish a root can only be mended by its key holders.

import { floorToPowerOfTwo } from "../tuf/bins.ts";
import type { Key, RoleKeys } from "../tuf/documents.ts";
import type { ParsedEnvelope } from "../tuf/parse.ts";
import { verifyThreshold } from "../tuf/threshold.ts";
import { RoleError } from "./errors.ts";
import { ONLINE_URI, onlineUriOf } from "./online-key.ts";
import { peopleSignTargets, readRoot, requireUnexpired, type Refuse } from "./root-rules.ts";

export { ONLINE_URI, onlineUriOf } from "./online-key.ts";

export interface BootstrapRoot {
  readonly root: ParsedEnvelope<"root">;
  /** The threshold of its root role is met. */
  readonly complete: boolean;
  /** The key that signs timestamp first; bins are delegated to it. */
  readonly online: { readonly keyid: string; readonly key: Key; readonly uri: string };
}

/**
 * Checks the root of a bootstrap (its file's bytes) as of `now`, milliseconds.
 * @throws RoleError `bootstrap-refused`; the message is the contract's where it has one.
 */
export function checkBootstrapRoot(bytes: Uint8Array, now: number, options: { readonly allowUnportable: boolean; readonly offlineTargets?: boolean }): BootstrapRoot {
  const refuse = (reason: string): never => {
    throw new RoleError("bootstrap-refused", reason);
  };
  const root = readRoot(bytes, { now, ...options }, refuse);
  const signed = root.signed;
  if (signed.version !== 1) refuse(`a repository starts with root version 1, this is version ${String(signed.version)}`);
  if (options.offlineTargets === true && !peopleSignTargets(signed)) refuse("the settings say targets_online_key false, and root gives role targets keys that this service signs with: name the keys of people");
  checkSignatures(root, refuse);
  requireUnexpired(signed, now, refuse);
  const keyid = signed.roles.timestamp.keyids.find((id) => onlineUriOf(signed.keys[id]) !== undefined);
  const key = keyid === undefined ? undefined : signed.keys[keyid];
  const uri = onlineUriOf(key);
  if (keyid === undefined || key === undefined || uri === undefined) return refuse(`no key of role timestamp has a member ${ONLINE_URI} that names its signer`);
  const complete = verifyThreshold({ keys: signed.keys, role: signed.roles.root }, root).met;
  return { root, complete, online: { keyid, key, uri } };
}

function checkSignatures(root: ParsedEnvelope<"root">, refuse: Refuse): void {
  if (root.signatures.length === 0) refuse("Metadata requires at least one valid signature");
  const role = root.signed.roles.root;
  for (const signature of root.signatures) {
    const own: RoleKeys = { keyids: role.keyids.filter((keyid) => keyid === signature.keyid), threshold: 1 };
    const alone = { signatures: [signature], canonical: root.canonical };
    if (own.keyids.length === 0 || !verifyThreshold({ keys: root.signed.keys, role: own }, alone).met) {
      refuse("Bootstrap has invalid signature(s)");
    }
  }
}

export interface BootstrapSettings {
  /** Days. */
  readonly expiration: { readonly root: number; readonly targets: number; readonly snapshot: number; readonly timestamp: number; readonly bins?: number };
  /** Days before root and targets expire from which people are asked for the next one, where that was said. */
  readonly windows: ReadonlyMap<string, number>;
  /** A power of two, 2 - 16,384; undefined with custom delegations. */
  readonly bins: number | undefined;
}

/** Whether a bootstrap payload says that people sign targets. */
export const asksForOfflineTargets = (payload: unknown): boolean => member(member(payload, "settings"), "targets_online_key") === false;

/**
 * The settings of a bootstrap payload that already passed the door's schema.
 * A number of bins that is no power of two is rounded down, as the contract has it.
 * @throws RoleError `bootstrap-refused`
 */
export function bootstrapSettingsOf(payload: unknown): BootstrapSettings {
  const roles = member(member(payload, "settings"), "roles");
  if (roles === undefined) throw new RoleError("bootstrap-refused", "No 'settings' in the payload");
  const days = (role: string): number => Number(member(member(roles, role), "expiration"));
  const four = { root: days("root"), targets: days("targets"), snapshot: days("snapshot"), timestamp: days("timestamp") };
  const windows = new Map(["root", "targets"].map((role) => [role, member(member(roles, role), "signing_window")] as const).filter((each): each is readonly [string, number] => typeof each[1] === "number"));
  const custom = member(roles, "delegations") ?? undefined;
  const hasBins = (member(roles, "bins") ?? undefined) !== undefined;
  if (custom !== undefined && hasBins) throw new RoleError("bootstrap-refused", "Bootstrap cannot use both hash bin delegation and custom target delegations");
  if (custom !== undefined) return { expiration: four, windows, bins: undefined };
  const bins = Number(member(member(roles, "bins"), "number_of_delegated_bins"));
  if (!Number.isSafeInteger(bins) || bins < 2 || bins > 16_384) {
    throw new RoleError("bootstrap-refused", "bins must be a number from 2 to 16384");
  }
  return { expiration: { ...four, bins: days("bins") }, windows, bins: floorToPowerOfTwo(bins) };
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
