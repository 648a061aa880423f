// What a root says, for those who are about to sign it: everything in it, what it changes, and
// the hash to compare over the phone.

import { keyNameOf } from "../../roles/key-words.ts";
import { onlineUriOf } from "../../roles/online-key.ts";
import { rootChanges } from "../../roles/root-changes.ts";
import { ONLINE_ROLES, peopleSignTargets } from "../../roles/root-rules.ts";
import { targetsChanges } from "../../roles/targets-changes.ts";
import { parseExpires } from "../../tuf/parse.ts";
import type { Root, Targets } from "../../tuf/documents.ts";
import { fromNow } from "../output/words.ts";
import { printable } from "../printable.ts";
import { fingerprint, type Pending } from "./pending.ts";

/** How many artifacts are named before the rest is counted. */
const NAMED = 20;

/** Lines about the document, and what to compare. */
export function documentLines(pending: Pending, nowMs: number): string[] {
  const { signed } = pending.document;
  const about = signed._type === "root" ? rootLines(signed, nowMs) : targetsLines(pending.role, signed, nowMs);
  return [...about, ...changeLines(pending), "", "Compare this hash with the others before you sign:", `  ${fingerprint(pending)}`];
}

export function rootLines(root: Root, nowMs: number): string[] {
  const { keyids, threshold } = root.roles.root;
  const online = ONLINE_ROLES.filter((role) => role !== "targets" || !peopleSignTargets(root)).map((role) => ({ role, keyids: root.roles[role].keyids }));
  const alike = online.every((each) => each.keyids.join() === online[0]?.keyids.join());
  return [
    `Root version ${root.version}, expires ${root.expires} (${fromNow(parseExpires(root.expires), nowMs)})`,
    `Signed by ${threshold} of ${keyids.length} keys:`,
    ...keyids.flatMap((keyid) => keyLines(root, keyid)),
    ...(peopleSignTargets(root) ? targetsLinesOf(root) : []),
    ...(alike ? [peopleSignTargets(root) ? "Online key of timestamp and snapshot:" : "Online key of timestamp, snapshot and targets:", ...(online[0]?.keyids ?? []).flatMap((keyid) => keyLines(root, keyid))] : online.flatMap(({ role, keyids: own }) => [`Online key of ${role}:`, ...own.flatMap((keyid) => keyLines(root, keyid))])),
  ];
}

function targetsLinesOf(root: Root): string[] {
  const { keyids, threshold } = root.roles.targets;
  return [`Targets, and with it every change of delegations, signed by ${threshold} of ${keyids.length} keys:`, ...keyids.flatMap((keyid) => keyLines(root, keyid))];
}

/** The keyid has a line of its own: it is compared, so it is never cut, and 80 columns hold it. */
function keyLines(root: Root, keyid: string): string[] {
  const key = root.keys[keyid];
  const uri = onlineUriOf(key);
  return [`  ${keyNameOf(key) ?? "a key without a name"} (${key?.keytype ?? "unknown"})`, ...(uri === undefined ? [] : [`    ${uri}`]), `    ${keyid}`];
}

function targetsLines(role: string, targets: Targets, nowMs: number): string[] {
  const paths = Object.keys(targets.targets).sort();
  return [
    `Role ${role} version ${targets.version}, expires ${targets.expires} (${fromNow(parseExpires(targets.expires), nowMs)})`,
    `Artifacts: ${paths.length}`,
    ...paths.slice(0, NAMED).map((path) => `  ${printable(path)}  ${Object.entries(targets.targets[path]?.hashes ?? {}).map(([algorithm, hash]) => `${algorithm}:${hash}`).join(" ")}`),
    ...(paths.length > NAMED ? [`  and ${paths.length - NAMED} more`] : []),
  ];
}

function changeLines({ role, document, previous, follows }: Pending): string[] {
  const { signed } = document;
  if (signed._type === "root") return previous === undefined ? [] : changesAgainst(`root version ${previous.signed.version}`, rootChanges(previous.signed, signed));
  return follows === undefined ? [] : changesAgainst(`${role} version ${follows.version}`, targetsChanges(follows, signed, NAMED).words);
}

const changesAgainst = (what: string, changes: readonly string[]): string[] => ["", `Changes against ${what}:`, ...changes.map((change) => `  ${printable(change)}`)];
