// The plan of a ceremony: who holds root, what signs online, how long roles live, how artifacts
// are spread. A person's answers and a plan file make the same thing, and one can be printed as
// the other.
//
//   root: { days: 365, threshold: 2, keys: [ann.pub, { file: bob.crt, name: Bob }] }
//   online: { file: online.pub, name: online, uri: "fn:online" }
//   timestamp: { days: 1 }
//   snapshot: { days: 1 }
//   targets: { days: 365 }   # with threshold and keys people sign it, not the online key; window: days before its end that they are asked
//   bins: { days: 7, number: 256 }
//   delegations: [{ name, paths, days, threshold, terminating, keys, parent, bins, window }]
//
// Bins, delegations, or both: then bins list what no custom role takes.
//
// Files are named as seen from the plan file.

import { resolve } from "node:path";
import { stringify } from "yaml";
import { delegationFaults, WINDOW, type WantedDelegations } from "../../roles/custom-delegations.ts";
import { DEFAULT_DAYS } from "../../roles/policy.ts";
import { isWindow } from "../../roles/window.ts";
import { samePublicKey } from "../../tuf/keys.ts";
import { CliError } from "../errors.ts";
import { isDays, MOST_DAYS } from "./days.ts";
import { defaultUri, namedKey, readPublicKey, type NamedKey } from "./key-files.ts";

/** A plan as it is written: nothing is read yet, anything may be missing or wrong. */
export interface WrittenPlan {
  root?: { days?: number; window?: number; threshold?: number; keys?: readonly WrittenKey[] };
  online?: WrittenKey;
  timestamp?: { days?: number };
  snapshot?: { days?: number };
  /** With keys: people sign it. */
  targets?: { days?: number; window?: number; threshold?: number; keys?: readonly WrittenKey[] };
  bins?: { days?: number; number?: number };
  delegations?: readonly WrittenRole[];
}

export type WrittenKey = string | { readonly file: string; readonly name?: string; readonly uri?: string };

export interface WrittenRole {
  readonly name: string;
  readonly paths: readonly string[];
  readonly days?: number;
  readonly threshold?: number;
  readonly terminating?: boolean;
  /** None: the online key. */
  readonly keys?: readonly WrittenKey[];
  /** The custom role that delegates to it; none: targets. */
  readonly parent?: string;
  /** So many bins of its own list its artifacts. */
  readonly bins?: number;
  /** Its team signs it elsewhere, and uploads it. */
  readonly outside?: boolean;
  /** So many days before it expires its people are asked for the next version. */
  readonly window?: number;
}

export interface CeremonyPlan {
  readonly days: { readonly root: number; readonly timestamp: number; readonly snapshot: number; readonly targets: number };
  /** Days before they expire from which people are asked for the next ones, where the plan says so. */
  readonly windows: { readonly root?: number; readonly targets?: number };
  readonly root: { readonly threshold: number; readonly keys: readonly NamedKey[] };
  readonly online: NamedKey;
  /** The people who sign targets; undefined: the online key does. */
  readonly targets: { readonly threshold: number; readonly keys: readonly NamedKey[] } | undefined;
  readonly bins: { readonly days: number; readonly number: number } | undefined;
  readonly delegations: WantedDelegations | undefined;
}

export const BIN_COUNTS = Array.from({ length: 14 }, (_, power) => 2 ** (power + 1));

type Record_ = Readonly<Record<string, unknown>>;
const isRecord = (value: unknown): value is Record_ => typeof value === "object" && value !== null && !Array.isArray(value);

const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  "": ["root", "online", "timestamp", "snapshot", "targets", "bins", "delegations"],
  root: ["days", "window", "threshold", "keys"],
  timestamp: ["days"],
  snapshot: ["days"],
  targets: ["days", "window", "threshold", "keys"],
  bins: ["days", "number"],
};
const KEY_MEMBERS = ["file", "name", "uri"];
const ROLE_MEMBERS = ["name", "paths", "days", "threshold", "terminating", "keys", "parent", "bins", "outside", "window"];

/** Reads every key and checks everything. @throws CliError `plan-invalid` naming every fault */
export async function checkPlan(written: unknown, folder: string): Promise<CeremonyPlan> {
  const faults: string[] = [];
  const plan = isRecord(written) ? written : {};
  if (!isRecord(written)) faults.push("the plan is no mapping");
  for (const [at, names] of Object.entries(MEMBERS)) {
    const part = at === "" ? plan : plan[at];
    if (at !== "" && part === undefined) continue;
    if (!isRecord(part)) faults.push(`${at} is no mapping`);
    else for (const name of Object.keys(part)) if (!names.includes(name)) faults.push(`${at === "" ? name : `${at}.${name}`} is unknown; there are: ${names.join(", ")}`);
  }
  const days = (role: keyof typeof DEFAULT_DAYS): number => {
    const part = plan[role];
    const value = isRecord(part) && part["days"] !== undefined ? part["days"] : DEFAULT_DAYS[role];
    if (!isDays(value)) faults.push(`${role}.days must be a whole number from 1 to ${MOST_DAYS}`);
    return Number(value);
  };
  const allDays = { root: days("root"), timestamp: days("timestamp"), snapshot: days("snapshot"), targets: days("targets") };

  const windows: { root?: number; targets?: number } = {};
  for (const role of ["root", "targets"] as const) {
    const part = plan[role];
    const value = isRecord(part) ? part["window"] : undefined;
    if (value === undefined) continue;
    if (typeof value !== "number" || !isWindow(value)) faults.push(`${role}.window: ${WINDOW}`);
    else windows[role] = value;
  }

  const { threshold, keys } = await peopleAt(plan["root"], "root", folder, faults);
  const peoples = plan["targets"];
  const offline = isRecord(peoples) && (peoples["keys"] !== undefined || peoples["threshold"] !== undefined) ? await peopleAt(peoples, "targets", folder, faults) : undefined;

  const online = plan["online"] === undefined ? undefined : await keyAt(plan["online"], "online", folder, faults, true);
  if (plan["online"] === undefined) faults.push("online names no key");
  if (online !== undefined && keys.some(({ key }) => samePublicKey(key, online.key))) faults.push("online is a root key; root keys stay offline");
  if (online !== undefined && offline?.keys.some(({ key }) => samePublicKey(key, online.key)) === true) faults.push("online is among targets.keys, which are those of people");

  if (plan["bins"] === undefined && plan["delegations"] === undefined) faults.push("say bins, delegations, or both");
  const bins = plan["bins"] === undefined ? undefined : { days: days("bins"), number: binsAt(plan["bins"], faults) };
  const delegations = plan["delegations"] === undefined ? undefined : await delegationsAt(plan["delegations"], folder, faults);
  if (faults.length > 0 || online === undefined) throw new CliError("plan-invalid", `the plan cannot be carried out:\n${faults.map((fault) => `  ${fault}`).join("\n")}`, { todo: "rstuf admin ceremony --print-plan shows what a plan looks like" });
  return { days: allDays, windows, root: { threshold, keys }, online, targets: offline, bins, delegations };
}

/** Who signs a role, and how many of them must. */
async function peopleAt(value: unknown, role: "root" | "targets", folder: string, faults: string[]): Promise<{ threshold: number; keys: NamedKey[] }> {
  const part = isRecord(value) ? value : {};
  const keys = await keysAt(part["keys"], `${role}.keys`, folder, faults);
  if (keys.length === 0) faults.push(`${role}.keys names no key`);
  const threshold = part["threshold"] ?? Math.min(2, Math.max(1, keys.length));
  if (!Number.isSafeInteger(threshold) || (threshold as number) < 1) faults.push(`${role}.threshold must be a whole number, at least 1`);
  else if (keys.length > 0 && (threshold as number) > keys.length) faults.push(`${role}.threshold is ${JSON.stringify(threshold)}, and there are ${keys.length} keys`);
  for (const fault of twice(keys)) faults.push(`${role}.keys: ${fault}`);
  return { threshold: Number(threshold), keys };
}

function binsAt(value: unknown, faults: string[]): number {
  const number = isRecord(value) ? (value["number"] ?? 256) : undefined;
  if (!BIN_COUNTS.includes(Number(number))) faults.push(`bins.number must be a power of two from 2 to 16384`);
  return Number(number);
}

async function keysAt(value: unknown, at: string, folder: string, faults: string[]): Promise<NamedKey[]> {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    faults.push(`${at} is no list`);
    return [];
  }
  const keys = await Promise.all(value.map((each: unknown, index) => keyAt(each, `${at}[${index}]`, folder, faults, false)));
  return keys.filter((key) => key !== undefined);
}

async function keyAt(value: unknown, at: string, folder: string, faults: string[], online: boolean): Promise<NamedKey | undefined> {
  const { file, name, uri } = typeof value === "string" ? { file: value, name: undefined, uri: undefined } : isRecord(value) ? value : {};
  if (isRecord(value)) for (const member of Object.keys(value)) if (!KEY_MEMBERS.includes(member)) faults.push(`${at}.${member} is unknown; there are: ${KEY_MEMBERS.join(", ")}`);
  if (typeof file !== "string" || file === "") {
    faults.push(`${at}.file names no file`);
    return undefined;
  }
  for (const [member, text] of [["name", name], ["uri", uri]] as const) if (text !== undefined && (typeof text !== "string" || text === "")) faults.push(`${at}.${member} is no text`);
  if (uri !== undefined && !online) faults.push(`${at}.uri: only the online key has one`);
  try {
    const read = await readPublicKey(resolve(folder, file), file);
    return namedKey(read.key, typeof name === "string" ? name : read.suggestedName, online ? (typeof uri === "string" ? uri : defaultUri(read.key)) : undefined);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    faults.push(`${at}: ${error.message}${error.why === undefined ? "" : ` (${error.why})`}`);
    return undefined;
  }
}

/** Two names for one key, or two keys under one name, would confuse those who sign. */
export function twice(keys: readonly NamedKey[]): string[] {
  const faults: string[] = [];
  for (const [index, { key, name }] of keys.entries()) {
    for (const other of keys.slice(0, index)) {
      if (samePublicKey(other.key, key)) faults.push(`${name} is the same key as ${other.name}`);
      else if (other.name === name) faults.push(`two keys are named ${name}`);
    }
  }
  return faults;
}

/** Custom delegations as a request holds them. Faults are pushed. */
export async function delegationsAt(value: unknown, folder: string, faults: string[]): Promise<WantedDelegations> {
  const keys: Record<string, NamedKey["key"]> = {};
  const roles: WantedDelegations["roles"][number][] = [];
  if (!Array.isArray(value) || value.length === 0) faults.push("delegations is no list of roles");
  for (const [index, each] of (Array.isArray(value) ? (value as readonly unknown[]) : []).entries()) {
    const at = `delegations[${index}]`;
    if (!isRecord(each)) {
      faults.push(`${at} is no mapping`);
      continue;
    }
    for (const member of Object.keys(each)) if (!ROLE_MEMBERS.includes(member)) faults.push(`${at}.${member} is unknown; there are: ${ROLE_MEMBERS.join(", ")}`);
    const own = await keysAt(each["keys"], `${at}.keys`, folder, faults);
    for (const fault of twice(own)) faults.push(`${at}.keys: ${fault}`);
    for (const { keyid, key } of own) keys[keyid] = key;
    const days = each["days"] ?? DEFAULT_DAYS.targets;
    if (!isDays(days)) faults.push(`${at}.days must be a whole number from 1 to ${MOST_DAYS}`);
    const paths: readonly unknown[] = Array.isArray(each["paths"]) ? each["paths"] : [];
    if (paths.length === 0 || paths.some((path) => typeof path !== "string")) faults.push(`${at}.paths is no list of patterns`);
    roles.push({
      name: typeof each["name"] === "string" ? each["name"] : "",
      terminating: each["terminating"] !== false,
      keyids: own.map(({ keyid }) => keyid),
      threshold: Number(each["threshold"] ?? Math.max(1, own.length)),
      paths: paths.map(String),
      "x-rstuf-expire-policy": Number(days),
      ...(each["parent"] === undefined ? {} : { parent: typeof each["parent"] === "string" ? each["parent"] : "" }),
      ...(each["bins"] === undefined ? {} : { bins: Number(each["bins"]) }),
      ...(each["outside"] === true ? { signing: "outside" as const } : {}),
      ...(each["window"] === undefined ? {} : { signing_window: Number(each["window"]) }),
    });
  }
  const wanted: WantedDelegations = { keys, roles };
  for (const { at, rule } of delegationFaults(wanted, new Set())) faults.push(`delegations.${at.join(".")}: ${rule}`);
  return wanted;
}

/** As a file that `--plan` reads. */
export function planText(written: WrittenPlan): string {
  return `# A ceremony's plan: rstuf admin ceremony --plan FILE\n# Files are named as seen from this file. Nothing in it is secret.\n${stringify(written, { lineWidth: 0 })}`;
}

export const EXAMPLE_PLAN: WrittenPlan = {
  root: { days: DEFAULT_DAYS.root, threshold: 2, keys: [{ file: "keys/ann.pub", name: "ann" }, { file: "keys/bob.pub", name: "bob" }, { file: "keys/carol.crt" }] },
  online: { file: "keys/online.pub", name: "online", uri: "fn:online" },
  timestamp: { days: DEFAULT_DAYS.timestamp },
  snapshot: { days: DEFAULT_DAYS.snapshot },
  targets: { days: DEFAULT_DAYS.targets },
  bins: { days: DEFAULT_DAYS.bins, number: 256 },
};
