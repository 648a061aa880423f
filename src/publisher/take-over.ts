// Making a published repository this database's own, from nothing but its files and its
// online key: one that another implementation made, or one whose state moves elsewhere.
//
//  1. Nothing is taken that the root chain in storage does not verify, as a client would, but
//     for age. Every file the snapshot names must be there and right: what a client cannot
//     read is not taken over.
//  2. Whoever is to sign from now on is proved first, role by role; what people sign waits for them as ever.
//  3. Versions go on: the counter is above every version seen. What returning clients hold
//     stays below what they are offered next.
//  4. Every role that this service signs is pressed once by the first publish: from then on no
//     two of those files share a version, whatever the other implementation did. What people
//     signed stays as they signed it, under keys of their own, and snapshot states its hash.
//  5. It is one transaction into an empty database; storage is only read.

import { reasonOf } from "../lib/app-error.ts";
import type { Adoption, RoleRow, SettingValue } from "../ports/database.ts";
import { NESTED, settingOf as nestedSetting } from "../roles/below.ts";
import { binsOf, delegationTreeOf, type DelegationTree } from "../roles/delegation.ts";
import { DEFAULT_DAYS } from "../roles/policy.ts";
import { canonicalString } from "../tuf/canonical.ts";
import { sha256Hex } from "../tuf/crypto.ts";
import type { Delegations, FileMeta, Json } from "../tuf/documents.ts";
import { parseEnvelope, parseExpires, type ParsedEnvelope } from "../tuf/parse.ts";
import { delegationIn } from "../tuf/search.ts";
import { requireThreshold } from "../tuf/threshold.ts";
import { TrustedSet } from "../tuf/trusted-set.ts";
import { binSettings } from "./bin-settings.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { TIMESTAMP } from "./project.ts";
import { foldAll } from "./publish.ts";
import { rootSettings } from "./root-settings.ts";
import { requireStated } from "./stated.ts";
import { requireSigners } from "./take-over-signers.ts";

export interface TakenOver {
  readonly rootVersion: number;
  readonly timestampVersion: number;
  /** When clients stop believing what is published now. */
  readonly expires: string;
  readonly roles: number;
  /** Roles that stay listed, and that nobody delegates to any more. */
  readonly retired: readonly string[];
  readonly artifacts: number;
  readonly bins: number;
  readonly counter: number;
  /** Roles that people sign, and until when what they signed counts. */
  readonly people: readonly { readonly role: string; readonly expires: string }[];
  /** The task that presses every role but those. */
  readonly task: string;
}

export interface TakeOverOptions {
  /** Root 1 as the operator knows it; what storage holds must be the same. */
  readonly firstRoot?: Buffer | undefined;
  readonly onProgress?: (roles: number, of: number) => void;
}

/** Larger than any file we publish. */
const READ_AT_MOST = 64 * 1024 * 1024;
const DAY_MS = 86_400_000;

/** @throws PublisherError `foreign`, saying what cannot be taken over; SignerError */
export async function takeOver(deps: PublisherDeps, hold: LeaseHold, options: TakeOverOptions = {}): Promise<TakenOver> {
  const { database, random, clock, policy } = deps;
  if ((await database.head()) !== undefined || typeof (await database.setting("bootstrap")) === "string") {
    throw new PublisherError("foreign", "this database holds a repository already, or a request to begin one; a take-over needs a new one. Nothing was changed");
  }
  const { trusted, roots } = await walkRoots(deps, options.firstRoot);
  const timestampFile = await file(deps, TIMESTAMP);
  verified(TIMESTAMP, () => trusted.updateTimestamp(timestampFile));
  const timestamp = parseEnvelope(timestampFile, "timestamp").signed;
  const ofSnapshot = timestamp.meta["snapshot.json"];
  const snapshotName = `${String(ofSnapshot.version)}.snapshot.json`;
  const snapshotFile = await file(deps, snapshotName);
  verified(snapshotName, () => trusted.updateSnapshot(snapshotFile));
  const snapshot = parseEnvelope(snapshotFile, "snapshot").signed;

  const id = random.hex(16);
  const roles: (RoleRow & { readonly takesTargets: boolean })[] = [];
  let artifacts = 0;
  /** Of targets and of custom roles: some of them are kept whole. */
  const files = new Map<string, { readonly version: number; readonly bytes: Buffer; readonly expires: string }>();
  const total = Object.keys(snapshot.meta).length;

  const take = async (role: string, kind: RoleRow["kind"], parent: string, stated: FileMeta, verify: (bytes: Buffer) => void): Promise<ParsedEnvelope<"targets">> => {
    const name = `${String(stated.version)}.${role}.json`;
    const bytes = await file(deps, name);
    verified(name, () => { verify(bytes); });
    const document = parseEnvelope(bytes, "targets");
    const targets = Object.entries(document.signed.targets).map(([path, target]) => ({ path, fragment: canonicalString(target as unknown as Json) }));
    hold.require();
    await database.stageAdopted(hold.lease, id, role, targets);
    artifacts += targets.length;
    if (kind !== "bins") files.set(role, { version: stated.version, bytes, expires: document.signed.expires });
    roles.push({ role, kind, parent, version: stated.version, length: bytes.length, sha256: sha256Hex(bytes), expiresMs: parseExpires(document.signed.expires), retired: false, takesTargets: true });
    options.onProgress?.(roles.length, total);
    return document;
  };

  const statedTargets = snapshot.meta["targets.json"];
  if (statedTargets === undefined) throw refusal(`${snapshotName} does not list targets.json`);
  const targets = await take("targets", "targets", "", statedTargets, (bytes) => { trusted.updateTargets(bytes); });
  if (artifacts > 0) throw refusal(`targets itself lists ${String(artifacts)} artifacts; here delegated roles list them. Let the former service delegate them to roles or bins, and begin again`);

  // Whoever delegates is read before those it delegates to.
  const listed = new Map(Object.entries(snapshot.meta).map(([name, meta]) => [name.replace(/\.json$/, ""), meta]));
  listed.delete("targets");
  const below = new Map<string, Delegations>();
  const takeOne = async (role: string, kind: RoleRow["kind"], parent: string, delegations: Delegations): Promise<ParsedEnvelope<"targets"> | undefined> => {
    const stated = listed.get(role);
    const delegation = delegationIn(delegations, role);
    if (delegation === undefined) return undefined;
    if (stated === undefined) throw refusal(`${parent} delegates to ${role}, which ${snapshotName} does not list: clients fail on it`);
    listed.delete(role);
    return await take(role, kind, parent, stated, (bytes) => {
      requireStated(role, stated, bytes);
      const parsed = parseEnvelope(bytes, "targets");
      requireThreshold(role, delegation.keys, delegation.role, parsed);
      if (parsed.signed.version !== stated.version) throw new Error(`it says version ${String(parsed.signed.version)}`);
    });
  };
  const waiting: { readonly name: string; readonly delegations: Delegations | undefined }[] = [{ name: "targets", delegations: targets.signed.delegations }];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { name, delegations } = next;
    if (delegations === undefined) continue;
    if (name !== "targets") below.set(name, delegations);
    const parent = name;
    for (const role of (delegations.roles ?? []).filter(({ paths }) => paths !== undefined).map((each) => each.name)) {
      const document = await takeOne(role, "delegated", parent, delegations);
      waiting.push({ name: role, delegations: document?.signed.delegations });
    }
  }
  const tree = delegationTreeOf(targets.signed, below);
  for (const bins of tree.bins) {
    const delegations = bins.delegator === "targets" ? targets.signed.delegations : below.get(bins.delegator);
    if (delegations === undefined) continue;
    for (const role of binsOf({ ...tree, bins: [bins] })) await takeOne(role, "bins", bins.delegator, delegations);
  }
  const retired = [...listed.keys()];
  for (const [role, { version, length, hashes }] of listed) {
    roles.push({ role, kind: "delegated", parent: "targets", version, length: length ?? 0, sha256: hashes?.["sha256"] ?? "", expiresMs: 0, retired: true, takesTargets: false });
  }

  const root = trusted.root;
  const people = await requireSigners(deps, { root: root.signed, tree }, refusal);
  const expiresMs = parseExpires(timestamp.expires);
  const live = roles.filter((row) => !row.retired).map(({ role }) => role).sort();
  const pressed = live.filter((role) => !people.has(role));
  const kept = [...files].filter(([role]) => role === "targets" || people.has(role));
  const task = random.hex(16);
  const counter = Math.max(timestamp.version, ofSnapshot.version, ...roles.map(({ version }) => version));
  const adoption: Adoption = {
    id,
    base: "",
    timestamp: { role: "timestamp", version: timestamp.version, length: timestampFile.length, sha256: sha256Hex(timestampFile), expiresMs, bytes: timestampFile },
    snapshot: { role: "snapshot", version: ofSnapshot.version, length: snapshotFile.length, sha256: sha256Hex(snapshotFile), expiresMs: parseExpires(snapshot.expires) },
    roles,
    envelopes: [...roots.map(({ version, bytes }) => ({ role: "root", version, bytes })), ...kept.map(([role, { version, bytes }]) => ({ role, version, bytes }))],
    settings: settingsOf(root, tree, below, task, random.hex(8)),
    counter,
    results: [],
    press: { task: { id: task, kind: "force_online_metadata_update", createdMs: clock.now(), request: { roles: pressed } }, roles: pressed },
    garbageNotBeforeMs: expiresMs + policy.edgeStaleMs + DAY_MS,
  };
  await database.adopt(hold.lease, adoption);
  await foldAll(deps, hold);
  const taken: TakenOver = {
    rootVersion: root.signed.version, timestampVersion: timestamp.version, expires: timestamp.expires,
    roles: live.length, retired: retired.sort(), artifacts, bins: binsOf(tree).length, counter: (await database.publisher()).counter, task,
    people: kept.filter(([role]) => people.has(role)).map(([role, { expires }]) => ({ role, expires })),
  };
  deps.telemetry.log.info({ ...taken, retired: retired.length, people: taken.people.length }, "took over a repository");
  return taken;
}

interface Root {
  readonly version: number;
  readonly bytes: Buffer;
}

/** From root 1 on, as a client that begins there. Age does not count: 0 is the reference time. */
async function walkRoots(deps: PublisherDeps, firstRoot: Buffer | undefined): Promise<{ trusted: TrustedSet; roots: readonly Root[] }> {
  const first = await file(deps, "1.root.json");
  if (firstRoot !== undefined && !firstRoot.equals(first)) throw refusal("1.root.json in storage is not the root you named");
  const trusted = verified("1.root.json", () => new TrustedSet(first, { now: 0 }));
  const roots: Root[] = [{ version: 1, bytes: first }];
  for (let version = 2; ; version++) {
    const name = `${String(version)}.root.json`;
    const next = await deps.storage.read(name, READ_AT_MOST);
    if (next === undefined) break;
    verified(name, () => trusted.updateRoot(next.bytes));
    roots.push({ version, bytes: next.bytes });
  }
  if (!trusted.root.signed.consistent_snapshot) throw refusal("root says that file names carry no versions (consistent_snapshot is false)");
  return { trusted, roots };
}

/** The lifetimes are not in the documents: ours, until PUT /api/v1/config/ says otherwise. */
function settingsOf(root: ParsedEnvelope<"root">, tree: DelegationTree, below: ReadonlyMap<string, Delegations>, task: string, stamp: string): Record<string, SettingValue> {
  const nested = nestedSetting(below, stamp) as unknown as SettingValue;
  return {
    ...rootSettings(root.signed, JSON.parse(root.bytes.toString("utf8")) as SettingValue),
    ...binSettings(tree),
    ...Object.fromEntries(Object.entries(DEFAULT_DAYS).map(([role, days]) => [`${role}_expiration`, days])),
    ...(nested === null ? {} : { [NESTED]: nested }),
    bootstrap: task,
    bootstrap_request: null,
  };
}

async function file({ storage }: PublisherDeps, name: string): Promise<Buffer> {
  const found = await storage.read(name, READ_AT_MOST);
  if (found === undefined) throw refusal(`${name} is not in storage`);
  return found.bytes;
}

function verified<T>(name: string, verify: () => T): T {
  try {
    return verify();
  } catch (error) {
    throw refusal(`${name} does not verify: ${reasonOf(error)}`, error);
  }
}

const refusal = (reason: string, cause?: unknown): PublisherError => new PublisherError("foreign", `${reason}. Nothing was changed`, { cause });
