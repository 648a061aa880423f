// Whether a root may follow the one in force (TUF 5.3, 6.1), and what it changes.

import { canonicalString } from "../tuf/canonical.ts";
import type { Json, Key, RoleKeys, Root } from "../tuf/documents.ts";
import { samePublicKey } from "../tuf/keys.ts";
import type { ParsedEnvelope } from "../tuf/parse.ts";
import { RoleError } from "./errors.ts";
import { onlineUriOf } from "./online-key.ts";
import { ONLINE_ROLES, readRoot, requireUnexpired, type RootRules } from "./root-rules.ts";
import type { Demand } from "./signing-event.ts";

/**
 * The root that is to follow `current`, from its file's bytes, whoever has signed it so far.
 * @throws RoleError `root-refused`; the message is the contract's where it has one
 */
export function checkNextRoot(current: Root, bytes: Uint8Array, rules: RootRules): ParsedEnvelope<"root"> {
  const refuse = (reason: string): never => {
    throw new RoleError("root-refused", reason);
  };
  const root = readRoot(bytes, rules, refuse);
  const { version } = root.signed;
  if (version !== current.version + 1) refuse(`Failed to verify the trust: Expected root version ${String(current.version + 1)} instead got version ${String(version)}`);
  requireUnexpired(root.signed, rules.now, refuse);
  return root;
}

/** Who must sign: the keys of the root before, and its own. */
export function demandsOf(current: Root | undefined, next: Root): readonly Demand[] {
  const own: Demand = { by: "new", keys: next.keys, role: next.roles.root };
  return current === undefined ? [own] : [{ by: "old", keys: current.keys, role: current.roles.root }, own];
}

/** Whether timestamp, snapshot or targets change hands: then old and new keys must overlap (rule 20). */
export function changesOnlineKeys(current: Root, next: Root): boolean {
  return ONLINE_ROLES.some((name) => textOf(current, name) !== textOf(next, name));
}

function textOf(root: Root, name: (typeof ONLINE_ROLES)[number]): string {
  const { keyids, threshold }: RoleKeys = root.roles[name];
  const keys = [...keyids].sort().map((keyid) => [keyid, (root.keys[keyid] ?? null) as Json]);
  return canonicalString([threshold, keys]);
}

/**
 * A recovery from a compromise gives up every old online key, so that nothing an attacker signed verifies any more (rule 22).
 * Keys of people who sign targets are not online, and may stay.
 * @throws RoleError `root-refused`
 */
export function requireNoOldKey(current: Root, next: Root): void {
  const old = ONLINE_ROLES.flatMap((name) => current.roles[name].keyids).map((keyid) => current.keys[keyid]).filter((key) => onlineUriOf(key) !== undefined);
  for (const name of ONLINE_ROLES) {
    for (const keyid of next.roles[name].keyids) {
      const key = next.keys[keyid];
      if (key !== undefined && old.some((other) => other !== undefined && samePublicKey(other, key))) {
        throw new RoleError("root-refused", `role ${name} still has the online key ${keyid}; after a compromise timestamp, snapshot and targets need new keys`);
      }
    }
  }
}

export interface OnlineKey {
  readonly keyid: string;
  readonly key: Key;
}

/** The key that signs timestamp first: bins are delegated to it. */
export function onlineKeyOf(root: Root): OnlineKey | undefined {
  const keyid = root.roles.timestamp.keyids.find((id) => onlineUriOf(root.keys[id]) !== undefined);
  const key = keyid === undefined ? undefined : root.keys[keyid];
  return keyid === undefined || key === undefined ? undefined : { keyid, key };
}

/** An online key that goes, by its keyid, and the one in its place. */
export interface Succession {
  readonly old: string;
  readonly next: OnlineKey;
}

/**
 * The online keys of `current` that `next` gives to none of its online roles any more, or says something else of
 * (where it lies): each is followed by the key of the first role that had it. Delegated roles go with them.
 */
export function successions(current: Root, next: Root): readonly Succession[] {
  const found = new Map<string, OnlineKey>();
  for (const name of ONLINE_ROLES) {
    for (const keyid of current.roles[name].keyids) {
      const before = current.keys[keyid];
      if (found.has(keyid) || onlineUriOf(before) === undefined) continue;
      const stays = ONLINE_ROLES.some((role) => next.roles[role].keyids.includes(keyid));
      const taker = stays ? keyid : (next.roles[name].keyids.find((id) => onlineUriOf(next.keys[id]) !== undefined) ?? onlineKeyOf(next)?.keyid);
      const key = taker === undefined ? undefined : next.keys[taker];
      if (taker === undefined || key === undefined) continue;
      if (!stays || canonicalString(key as unknown as Json) !== canonicalString(before as unknown as Json)) found.set(keyid, { keyid: taker, key });
    }
  }
  return [...found].map(([old, key]) => ({ old, next: key }));
}
