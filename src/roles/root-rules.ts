// What every root must say before this repository shows it, the first one and those after.
//
// A root that clients took can only be mended by its key holders: whatever would lock them
// out later is refused here, with the reason.

import { reasonOf } from "../lib/app-error.ts";
import type { Json, Key, RoleKeys, Root } from "../tuf/documents.ts";
import { parseKey, samePublicKey } from "../tuf/keys.ts";
import { parseEnvelope, parseExpires, SPEC_VERSION, type ParsedEnvelope } from "../tuf/parse.ts";
import { CLIENT_LIMITS } from "../tuf/trusted-set.ts";
import { onlineUriOf } from "./online-key.ts";
import { needsPeople } from "./people.ts";

/** Throws; its argument is told to whoever sent the root. */
export type Refuse = (reason: string) => never;

export interface RootRules {
  /** Milliseconds. */
  readonly now: number;
  readonly allowUnportable: boolean;
  /** People may sign targets: its keys need name no signer. */
  readonly offlineTargets?: boolean;
}

export const ONLINE_ROLES = ["timestamp", "snapshot", "targets"] as const;

/** The root in a file's bytes: a well-formed one, that clients read and that this service can sign for. */
export function readRoot(bytes: Uint8Array, rules: RootRules, refuse: Refuse): ParsedEnvelope<"root"> {
  if (bytes.length > CLIENT_LIMITS.rootBytes) refuse(`root has ${String(bytes.length)} bytes; clients read ${String(CLIENT_LIMITS.rootBytes)}`);
  const root = parsed(bytes, refuse);
  const signed = root.signed;
  if (majorOf(signed.spec_version) !== majorOf(SPEC_VERSION)) refuse(`root follows TUF ${signed.spec_version}; clients of this repository follow ${SPEC_VERSION}`);
  if (!signed.consistent_snapshot) refuse("root must state consistent_snapshot true");
  checkKeys(signed, rules.allowUnportable, refuse);
  checkRoles(signed, rules.offlineTargets === true, refuse);
  return root;
}

/** A root nobody could use any more helps nobody. */
export function requireUnexpired(root: Root, now: number, refuse: Refuse): void {
  if (parseExpires(root.expires) <= now) refuse(`root expired at ${root.expires}; set a later date and sign again`);
}

function parsed(bytes: Uint8Array, refuse: Refuse): ParsedEnvelope<"root"> {
  try {
    return parseEnvelope(bytes, "root");
  } catch (error) {
    return refuse(`root is no TUF root document: ${reasonOf(error)}`);
  }
}

const majorOf = (version: string): string => version.split(".")[0] ?? "";

function checkKeys(root: Root, allowUnportable: boolean, refuse: Refuse): void {
  for (const [keyid, key] of Object.entries(root.keys)) {
    try {
      parseKey(key as unknown as Json, keyid, { allowUnportable });
    } catch (error) {
      refuse(`key ${keyid}: ${reasonOf(error)}`);
    }
  }
}

function checkRoles(root: Root, offlineTargets: boolean, refuse: Refuse): void {
  const keyOf = (role: string, keyid: string): Key => root.keys[keyid] ?? refuse(`role ${role} names key ${keyid}, which root does not hold`);
  for (const name of ["root", ...ONLINE_ROLES] as const) {
    const role: RoleKeys = root.roles[name];
    const keys = role.keyids.map((keyid) => keyOf(name, keyid));
    const distinct = keys.filter((key, at) => keys.findIndex((other) => samePublicKey(other, key)) === at);
    if (role.threshold < 1 || role.threshold > distinct.length) {
      refuse(`role ${name} has threshold ${String(role.threshold)} and ${String(distinct.length)} distinct keys`);
    }
    if (name === "root") continue;
    const isPeoples = needsPeople({ keys: root.keys, role });
    if (isPeoples && !(name === "targets" && offlineTargets)) {
      const instead = name === "targets" ? "; if people are to sign it, the request says so: targets_online_key false" : "";
      refuse(`role ${name} needs ${String(role.threshold)} online keys with a member x-rstuf-online-key-uri${instead}`);
    }
    // The people who sign root may sign targets too; what this service signs with is nobody else's.
    const shared = keys.filter((key) => !isPeoples || onlineUriOf(key) !== undefined).find((key) => root.roles.root.keyids.some((keyid) => samePublicKey(keyOf("root", keyid), key)));
    if (shared !== undefined) refuse(`role ${name} uses a root key; root keys stay offline`);
  }
}

/** Whether people sign top-level targets: the service's own keys alone don't reach its threshold. */
export const peopleSignTargets = ({ keys, roles }: Root): boolean => needsPeople({ keys, role: roles.targets });
