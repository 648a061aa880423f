// Making a history one's own that this database lost (rule 17).
//
// Storage holds a timestamp this database never committed: it was restored from a backup, or
// lost its last commits. What clients have seen must stay and must never go back. So:
//  1. Nothing is taken that the root chain of this repository does not verify, as a client
//     would, but for age: what expired meanwhile is adopted and pressed again.
//  2. A role that is newer in storage takes its targets from its document. One that is newer
//     here keeps its rows. That one, and one whose file is missing or damaged, is pressed again.
//  3. Every version stored is below the counter afterwards: nothing lower is ever offered.
//  4. A pending change of a role that is not newer in storage stays pending. Of a newer one it
//     is done if the document says what it asks; else it is set aside, `conflict`: to apply it
//     could bring back what the lost history took away.
//  5. All of it is one transaction; nothing is signed, and storage is only read.

import type { SettingValue } from "../ports/database.ts";
import { reasonOf } from "../lib/app-error.ts";
import { belowIn, NESTED, settingOf } from "../roles/below.ts";
import { belowOf, delegationTreeOf } from "../roles/delegation.ts";
import { OUTSIDE, outsideIn, outsideSetting } from "../roles/outside-roles.ts";
import { expiryPolicyOf } from "../roles/policy.ts";
import { sha256Hex } from "../tuf/crypto.ts";
import { parseExpires } from "../tuf/parse.ts";
import type { TrustedSet } from "../tuf/trusted-set.ts";
import { adoptedKeys } from "./adopt-keys.ts";
import { adoptedOutside } from "./adopt-outside.ts";
import { PendingChanges, type Conflict } from "./adopt-pending.ts";
import { AdoptedRoles, statedOf } from "./adopt-roles.ts";
import { LastShown } from "./adopt-shown.ts";
import { foreign, isTimestamp, READ_AT_MOST, walkRoots, type Root } from "./adopt-trust.ts";
import { binSettings } from "./bin-settings.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { PRESS_FIRST } from "./press-first.ts";
import { TIMESTAMP } from "./project.ts";
import { foldAll } from "./publish.ts";
import { rootSettings } from "./root-settings.ts";
import { contextOf } from "./split-edit.ts";

export type AdoptDeps = Pick<PublisherDeps, "database" | "storage" | "clock" | "random" | "telemetry" | "policy">;

export interface Adopted {
  readonly timestampVersion: number;
  /** When clients stop believing what is published now. */
  readonly expires: string;
  /** Root versions that storage had and this database lacked. */
  readonly roots: readonly number[];
  /** Roles that were newer in storage. */
  readonly roles: readonly string[];
  /** Artifacts that are new here, or say something else now; and those that are gone. */
  readonly readBack: number;
  readonly dropped: number;
  /** What the next publish presses again, and why. */
  readonly pressed: readonly { readonly role: string; readonly reason: string }[];
  /** Pending changes: answered already, set aside (of imports the first are told one by one), still pending. */
  readonly done: number;
  readonly setAside: number;
  readonly conflicts: readonly Conflict[];
  readonly open: number;
  /** No version up to this one is allocated again. */
  readonly counter: number;
}

const DAY_MS = 86_400_000;

/**
 * Adopts what is stored, or answers undefined when nothing diverged. Repeatable.
 * @throws PublisherError `foreign` when what is stored is not of this repository, or this database has none; `diverged` when a
 *   file is missing without which nothing tells what was shown last
 */
export async function adopt(deps: AdoptDeps, hold: LeaseHold, onProgress: (roles: number, of: number) => void = () => undefined): Promise<Adopted | undefined> {
  const { database, storage } = deps;
  const file = await storage.read(TIMESTAMP, READ_AT_MOST);
  const head = await database.head();
  if (file === undefined || !isTimestamp(file.bytes)) return undefined;
  if (head === undefined) throw new PublisherError("foreign", "this database holds no repository, so nothing tells whether what is published is its own: restore a backup that was taken after the bootstrap");
  if ((await database.committed(sha256Hex(file.bytes))) !== undefined) return undefined;
  for (const batch of await database.openBatches()) await database.dropBatch(hold.lease, batch.id, false);

  const { trusted, roots } = await walkRoots(deps);
  try {
    trusted.updateTimestamp(file.bytes);
  } catch (error) {
    throw foreign(`the stored timestamp does not verify: ${reasonOf(error)}`, error);
  }
  return await carryOut(deps, hold, { trusted, bytes: file.bytes, head, roots, onProgress });
}

/** What storage holds, verified, and this database's head. */
interface Found {
  readonly trusted: TrustedSet;
  /** Of the timestamp. */
  readonly bytes: Buffer;
  readonly head: { readonly sha256: string; readonly expiresMs: number };
  readonly roots: readonly Root[];
  readonly onProgress: (roles: number, of: number) => void;
}

async function carryOut(deps: AdoptDeps, hold: LeaseHold, { trusted, bytes, head, roots, onProgress }: Found): Promise<Adopted> {
  const { database, clock, policy, telemetry } = deps;
  const id = deps.random.hex(16);
  const pending = await PendingChanges.of({ deps, hold, id });
  const timestamp = trusted.timestamp?.signed;
  if (timestamp === undefined) throw new Error("no timestamp is trusted");
  const rows = new Map((await database.roles()).map((row) => [row.role, row]));
  const roles = new AdoptedRoles({ deps, hold, id, trusted, rows, onProgress });
  const expiresMs = parseExpires(timestamp.expires);
  const ofSnapshot = timestamp.meta["snapshot.json"];
  roles.see(timestamp.version, ofSnapshot.version);

  const snapshotFile = await roles.snapshot();
  const shown = await LastShown.of(deps, rows);
  const targets = await roles.targets(snapshotFile !== undefined, shown);
  const below = shown === undefined ? belowIn(await database.setting(NESTED)) : await shown.below();
  const before = delegationTreeOf(targets.ours, below);
  const tree = snapshotFile === undefined ? delegationTreeOf(targets.signed, below) : await roles.delegated(targets, below);
  roles.pressMissing(tree);
  roles.takeAll(tree);
  const elsewhere = outsideIn(await database.setting(OUTSIDE));
  const newer = new Set(roles.newer);
  await pending.decide(newer, tree);
  await pending.decideEdits(newer, before, contextOf(deps, { root: trusted.root.signed, tree, outside: elsewhere, expiry: expiryPolicyOf(await database.settings()) }));

  const results = await pending.results(roles.newer, tree, clock.now());
  const outside = outsideSetting(adoptedOutside(elsewhere, tree, pending.answeredEdits), tree.custom);
  const keys = await adoptedKeys(deps, { roots: roots.map((root) => root.bytes), timestamp: bytes, tree });
  const press = [...roles.press.keys()].sort();
  const latest = roots.at(-1);
  const { readBack, dropped } = await database.adopt(hold.lease, {
    id,
    base: head.sha256,
    timestamp: { role: "timestamp", version: timestamp.version, length: bytes.length, sha256: sha256Hex(bytes), expiresMs, bytes },
    snapshot: snapshotFile === undefined
      ? { role: "snapshot", ...statedOf(ofSnapshot), expiresMs }
      : { role: "snapshot", version: ofSnapshot.version, length: snapshotFile.bytes.length, sha256: sha256Hex(snapshotFile.bytes), expiresMs: parseExpires(snapshotFile.signed.expires) },
    roles: roles.adopted,
    envelopes: [
      ...roots.map((root) => ({ role: "root", version: root.version, bytes: root.bytes })),
      ...(targets.envelope === undefined ? [] : [{ role: "targets", version: targets.envelope.signed.version, bytes: targets.envelope.bytes }]),
      ...roles.signed,
    ],
    counter: roles.counter,
    settings: { ...(latest === undefined ? {} : rootSettings(trusted.root.signed, JSON.parse(latest.bytes.toString("utf8")) as SettingValue)), ...binSettings(tree), [NESTED]: settingOf(belowOf(tree), id) as unknown as SettingValue, [OUTSIDE]: outside as unknown as SettingValue, ...keys, ...(snapshotFile === undefined ? { [PRESS_FIRST]: true } : {}) },
    results,
    ...(press.length === 0 ? {} : { press: { task: { id: deps.random.hex(16), kind: "force_online_metadata_update", createdMs: clock.now(), request: { roles: press } }, roles: press } }),
    garbageNotBeforeMs: Math.max(expiresMs, head.expiresMs) + policy.edgeStaleMs + DAY_MS,
  });
  await foldAll(deps, hold);

  const adopted: Adopted = {
    timestampVersion: timestamp.version,
    expires: timestamp.expires,
    roots: roots.map(({ version }) => version),
    roles: roles.newer.sort(),
    readBack,
    dropped,
    pressed: press.map((role) => ({ role, reason: roles.press.get(role) ?? "" })),
    ...pending.outcome,
    counter: (await database.publisher()).counter,
  };
  telemetry.log.info({ timestamp: adopted.timestampVersion, roots: adopted.roots.length, roles: adopted.roles.length, readBack, dropped, pressed: press.length, conflicts: adopted.setAside }, "adopted what storage holds");
  return adopted;
}
