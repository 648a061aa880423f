// The root that follows another: what is to change, and the document that says so.

import { onlineKeyOf } from "../../roles/root-update.ts";
import { expiresAfter } from "../../roles/policy.ts";
import type { Key, Root } from "../../tuf/documents.ts";
import { samePublicKey } from "../../tuf/keys.ts";
import type { ParsedEnvelope } from "../../tuf/parse.ts";
import { CliError } from "../errors.ts";
import type { NamedKey } from "./key-files.ts";
import { pendingRoot, readRoot, type Pending } from "./pending.ts";

const DAY_MS = 86_400_000;

export interface RootChange {
  /** From now on; undefined: the date stays. */
  readonly days?: number | undefined;
  readonly threshold?: number | undefined;
  readonly add: readonly NamedKey[];
  /** Keyids. */
  readonly remove: readonly string[];
  readonly online?: NamedKey | undefined;
  /** Who signs targets from now on: people, or the online key; undefined: as before. */
  readonly targets?: { readonly keys: readonly NamedKey[]; readonly threshold: number | undefined } | "online" | undefined;
}

/** @throws CliError `plan-invalid` naming every fault */
export function nextRoot(current: ParsedEnvelope<"root">, change: RootChange, nowMs: number): Pending {
  const before = current.signed;
  const faults: string[] = [];
  const kept = before.roles.root.keyids.filter((keyid) => !change.remove.includes(keyid));
  for (const { key, name } of change.add) if (kept.some((keyid) => same(before.keys[keyid], key))) faults.push(`${name} is a root key already`);
  const keyids = [...kept, ...change.add.map(({ keyid }) => keyid)];
  const threshold = change.threshold ?? before.roles.root.threshold;
  if (threshold > keyids.length) faults.push(`the threshold is ${threshold}, and there would be ${keyids.length} root keys`);
  const people = change.targets === undefined || change.targets === "online" ? [] : change.targets.keys;
  const all: Record<string, Key> = { ...before.keys, ...Object.fromEntries([...change.add, ...(change.online === undefined ? [] : [change.online]), ...people].map(({ keyid, key }) => [keyid, key])) };
  const roles = { ...before.roles, root: { ...before.roles.root, keyids, threshold }, ...onlineRoles(before, change.online) };
  if (change.targets !== undefined) roles.targets = targetsRole(change.targets, change.online?.keyid ?? onlineKeyOf(before)?.keyid, faults);
  const online = change.online;
  if (online !== undefined && people.some(({ key }) => samePublicKey(key, online.key))) faults.push(`${online.name} is the online key, and not one of people`);
  if (online !== undefined && keyids.some((keyid) => same(all[keyid], online.key))) faults.push(`${online.name} is a root key; root keys stay offline`);
  if (faults.length > 0) throw new CliError("plan-invalid", `this root cannot be made:\n${faults.map((fault) => `  ${fault}`).join("\n")}`, { todo: "change what is named, and give the command again; nothing was sent" });
  const named = new Set(Object.values(roles).flatMap((role) => role.keyids));
  const signed: Root = {
    ...before,
    version: before.version + 1,
    ...(change.days === undefined ? {} : { expires: expiresAfter(nowMs, change.days * DAY_MS).text }),
    keys: Object.fromEntries(Object.entries(all).filter(([keyid]) => named.has(keyid))),
    roles,
  };
  return pendingRoot(readRoot({ signatures: [], signed }, "the new root"), current);
}

function targetsRole(targets: NonNullable<RootChange["targets"]>, online: string | undefined, faults: string[]): Root["roles"]["targets"] {
  if (targets === "online") {
    if (online === undefined) faults.push("the root has no online key for targets");
    return { keyids: online === undefined ? [] : [online], threshold: 1 };
  }
  const keyids = targets.keys.map(({ keyid }) => keyid);
  const threshold = targets.threshold ?? Math.min(2, keyids.length);
  if (threshold > keyids.length) faults.push(`the threshold of targets is ${threshold}, and there would be ${keyids.length} keys`);
  return { keyids, threshold };
}

/** Every role that the key of timestamp signed is signed by the new one; roles with another key of their own keep it. */
function onlineRoles(before: Root, online: NamedKey | undefined): Partial<Root["roles"]> {
  if (online === undefined) return {};
  const old = onlineKeyOf(before)?.keyid;
  const changed = (["timestamp", "snapshot", "targets"] as const).filter((role) => old === undefined || before.roles[role].keyids.includes(old));
  return Object.fromEntries(changed.map((role) => [role, { ...before.roles[role], keyids: [online.keyid], threshold: 1 }]));
}

/** Root keys that a word on the command line means: a name, or a keyid or its beginning. @throws CliError `plan-invalid` */
export function rootKeyNamed(root: Root, word: string, nameOf: (key: Key | undefined) => string | undefined): string {
  const { keyids } = root.roles.root;
  const found = keyids.filter((keyid) => nameOf(root.keys[keyid]) === word || (word.length >= 8 && keyid.startsWith(word)));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const known = keyids.map((keyid) => `${nameOf(root.keys[keyid]) ?? "?"} ${keyid}`).join(", ");
  throw new CliError("plan-invalid", found.length === 0 ? `root has no key ${word}` : `${word} means several keys of root`, { why: `there are: ${known}`, todo: "name it by its keyid" });
}

const same = (a: Key | undefined, b: Key | undefined): boolean => a !== undefined && b !== undefined && samePublicKey(a, b);
