// Whether a bootstrap's root and settings can become a repository, and what it will be.
//
// Everything that would make clients refuse the repository later is refused here, with
// the reason: after the first publish a root can only be mended by its key holders.

import { floorToPowerOfTwo } from "../tuf/bins.ts";
import type { Json, Key, RoleKeys, Root } from "../tuf/documents.ts";
import { samePublicKey, parseKey } from "../tuf/keys.ts";
import { parseEnvelope, parseExpires, type ParsedEnvelope } from "../tuf/parse.ts";
import { verifyThreshold } from "../tuf/threshold.ts";
import { CLIENT_LIMITS } from "../tuf/trusted-set.ts";
import { reasonOf } from "../lib/app-error.ts";
import { RoleError } from "./errors.ts";

/** The member of a key that names its online signer. */
export const ONLINE_URI = "x-rstuf-online-key-uri";

/** The URI under which this service may sign as `key`, or undefined: then it is somebody else's. */
export function onlineUriOf(key: Key | undefined): string | undefined {
  const uri = key?.[ONLINE_URI];
  return typeof uri === "string" && uri !== "" ? uri : undefined;
}

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
export function checkBootstrapRoot(bytes: Uint8Array, now: number, options: { readonly allowUnportable: boolean }): BootstrapRoot {
  const refuse = (reason: string): never => {
    throw new RoleError("bootstrap-refused", reason);
  };
  if (bytes.length > CLIENT_LIMITS.rootBytes) refuse(`root has ${String(bytes.length)} bytes; clients read ${String(CLIENT_LIMITS.rootBytes)}`);
  const root = parsed(bytes, refuse);
  const signed = root.signed;
  if (signed.version !== 1) refuse(`a repository starts with root version 1, this is version ${String(signed.version)}`);
  if (!signed.consistent_snapshot) refuse("root must state consistent_snapshot true");
  checkKeys(signed, options.allowUnportable, refuse);
  checkRoles(signed, refuse);
  checkSignatures(root, refuse);
  if (parseExpires(signed.expires) <= now) refuse(`root expired at ${signed.expires}; set a later date and sign again`);
  const keyid = signed.roles.timestamp.keyids.find((id) => onlineUriOf(signed.keys[id]) !== undefined);
  const key = keyid === undefined ? undefined : signed.keys[keyid];
  const uri = onlineUriOf(key);
  if (keyid === undefined || key === undefined || uri === undefined) return refuse(`no key of role timestamp has a member ${ONLINE_URI} that names its signer`);
  const complete = verifyThreshold({ keys: signed.keys, role: signed.roles.root }, root).met;
  return { root, complete, online: { keyid, key, uri } };
}

type Refuse = (reason: string) => never;

function parsed(bytes: Uint8Array, refuse: Refuse): ParsedEnvelope<"root"> {
  try {
    return parseEnvelope(bytes, "root");
  } catch (error) {
    return refuse(`root is no TUF root document: ${reasonOf(error)}`);
  }
}

function checkKeys(root: Root, allowUnportable: boolean, refuse: Refuse): void {
  for (const [keyid, key] of Object.entries(root.keys)) {
    try {
      parseKey(key as unknown as Json, keyid, { allowUnportable });
    } catch (error) {
      refuse(`key ${keyid}: ${reasonOf(error)}`);
    }
  }
}

function checkRoles(root: Root, refuse: Refuse): void {
  const keyOf = (role: string, keyid: string): Key => root.keys[keyid] ?? refuse(`role ${role} names key ${keyid}, which root does not hold`);
  for (const name of ["root", "timestamp", "snapshot", "targets"] as const) {
    const role: RoleKeys = root.roles[name];
    const keys = role.keyids.map((keyid) => keyOf(name, keyid));
    const distinct = keys.filter((key, at) => keys.findIndex((other) => samePublicKey(other, key)) === at);
    if (role.threshold < 1 || role.threshold > distinct.length) {
      refuse(`role ${name} has threshold ${String(role.threshold)} and ${String(distinct.length)} distinct keys`);
    }
    if (name === "root") continue;
    if (keys.filter((key) => onlineUriOf(key) !== undefined).length < role.threshold) {
      refuse(`role ${name} needs ${String(role.threshold)} online keys with a member ${ONLINE_URI}`);
    }
    const shared = keys.find((key) => root.roles.root.keyids.some((keyid) => samePublicKey(keyOf("root", keyid), key)));
    if (shared !== undefined) refuse(`role ${name} uses a root key; root keys stay offline`);
  }
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
  readonly expiration: { readonly root: number; readonly targets: number; readonly snapshot: number; readonly timestamp: number; readonly bins: number };
  /** A power of two, 2 - 16,384. */
  readonly bins: number;
}

/**
 * The settings of a bootstrap payload that already passed the door's schema.
 * A number of bins that is no power of two is rounded down, as the contract has it.
 * @throws RoleError `bootstrap-refused`
 */
export function bootstrapSettingsOf(payload: unknown): BootstrapSettings {
  const roles = member(member(payload, "settings"), "roles");
  if (roles === undefined) throw new RoleError("bootstrap-refused", "No 'settings' in the payload");
  const days = (role: string): number => Number(member(member(roles, role), "expiration"));
  const bins = Number(member(member(roles, "bins"), "number_of_delegated_bins"));
  if (!Number.isSafeInteger(bins) || bins < 2 || bins > 16_384) {
    throw new RoleError("bootstrap-refused", "bins must be a number from 2 to 16384; custom delegations at bootstrap are not built in yet");
  }
  const expiration = { root: days("root"), targets: days("targets"), snapshot: days("snapshot"), timestamp: days("timestamp"), bins: days("bins") };
  return { expiration, bins: floorToPowerOfTwo(bins) };
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
