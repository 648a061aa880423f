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

import type { Adoption, CutChange, RoleRow, SettingValue } from "../ports/database.ts";
import { StorageError } from "../ports/storage.ts";
import { reasonOf } from "../lib/app-error.ts";
import { own } from "../lib/own.ts";
import { belowIn, NESTED, settingOf } from "../roles/below.ts";
import { belowOf, delegationTreeOf, rolesOf, type Below, type DelegationTree } from "../roles/delegation.ts";
import { needsPeople } from "../roles/people.ts";
import { expiryPolicyOf } from "../roles/policy.ts";
import { isBinName } from "../tuf/bins.ts";
import { canonicalString } from "../tuf/canonical.ts";
import { sha256Hex } from "../tuf/crypto.ts";
import type { Delegations, FileMeta, Json, Targets } from "../tuf/documents.ts";
import { TufError } from "../tuf/errors.ts";
import { parseEnvelope, parseExpires, type ParsedEnvelope } from "../tuf/parse.ts";
import { delegationIn } from "../tuf/search.ts";
import { requireThreshold } from "../tuf/threshold.ts";
import type { TrustedSet } from "../tuf/trusted-set.ts";
import { PendingChanges } from "./adopt-pending.ts";
import { foreign, isTimestamp, READ_AT_MOST, walkRoots, type Root } from "./adopt-trust.ts";
import type { PublisherDeps } from "./deps.ts";
import { binSettings } from "./bin-settings.ts";
import { PublisherError } from "./errors.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { TIMESTAMP } from "./project.ts";
import { foldAll } from "./publish.ts";
import { LastShown } from "./adopt-shown.ts";
import { PRESS_FIRST } from "./press-first.ts";
import { requireStated } from "./stated.ts";
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
  /** Pending changes: answered already, set aside, still pending. */
  readonly done: number;
  readonly conflicts: readonly { readonly task: string; readonly path: string; readonly reason: string }[];
  readonly open: number;
  /** No version up to this one is allocated again. */
  readonly counter: number;
}

const DAY_MS = 86_400_000;

/**
 * Adopts what is stored, or answers undefined when nothing diverged. Repeatable.
 * @throws PublisherError `foreign` when what is stored is not of this repository, or this database has none
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
  return await new AdoptionOf(deps, hold, trusted, file.bytes, head.sha256, head.expiresMs, roots, new PendingChanges(await database.pendingChanges()), onProgress).carryOut();
}

class AdoptionOf {
  readonly #deps: AdoptDeps;
  readonly #hold: LeaseHold;
  readonly #trusted: TrustedSet;
  readonly #timestamp: Buffer;
  readonly #base: string;
  readonly #baseExpiresMs: number;
  readonly #roots: readonly Root[];
  readonly #onProgress: (roles: number, of: number) => void;
  readonly #id: string;
  readonly #rows = new Map<string, RoleRow>();
  readonly #adopted: Adoption["roles"][number][] = [];
  readonly #newer: string[] = [];
  readonly #press = new Map<string, string>();
  readonly #pending: PendingChanges;
  /** Roles newer in storage, and what they say of paths with pending changes. */
  readonly #taken: { readonly role: string; readonly says: ReadonlyMap<string, string>; readonly row: Pick<RoleRow, "version" | "length" | "sha256" | "expiresMs"> }[] = [];
  /** What people signed last of their roles: the database keeps it whole. */
  readonly #signed: { readonly role: string; readonly version: number; readonly bytes: Buffer }[] = [];
  #counter = 0;

  constructor(deps: AdoptDeps, hold: LeaseHold, trusted: TrustedSet, timestamp: Buffer, base: string, baseExpiresMs: number, roots: readonly Root[], pending: PendingChanges, onProgress: (roles: number, of: number) => void) {
    this.#deps = deps;
    this.#pending = pending;
    this.#hold = hold;
    this.#trusted = trusted;
    this.#timestamp = timestamp;
    this.#base = base;
    this.#baseExpiresMs = baseExpiresMs;
    this.#roots = roots;
    this.#onProgress = onProgress;
    this.#id = deps.random.hex(16);
  }

  async carryOut(): Promise<Adopted> {
    const { database, clock, policy, telemetry } = this.#deps;
    const timestamp = this.#trusted.timestamp?.signed;
    if (timestamp === undefined) throw new Error("no timestamp is trusted");
    for (const row of await database.roles()) this.#rows.set(row.role, row);
    const expiresMs = parseExpires(timestamp.expires);
    const ofSnapshot = timestamp.meta["snapshot.json"];
    this.#see(timestamp.version, ofSnapshot.version);

    const snapshotFile = await this.#snapshot();
    const shown = await LastShown.of(this.#deps, this.#rows);
    const targets = await this.#targets(snapshotFile !== undefined, shown);
    const below = shown === undefined ? belowIn(await database.setting(NESTED)) : await shown.below();
    const before = delegationTreeOf(targets.ours, below);
    const tree = snapshotFile === undefined ? delegationTreeOf(targets.signed, below) : await this.#delegated(targets, below);
    this.#pressMissing(tree);
    this.#takeAll(tree);
    this.#pending.decideEdits(new Set(this.#newer), before, contextOf(this.#deps, { root: this.#trusted.root.signed, tree, expiry: expiryPolicyOf(await database.settings()) }));

    const results = await this.#pending.results(database, this.#newer, tree, clock.now());
    const press = [...this.#press.keys()].sort();
    const { readBack, dropped } = await database.adopt(this.#hold.lease, {
      id: this.#id,
      base: this.#base,
      timestamp: { role: "timestamp", version: timestamp.version, length: this.#timestamp.length, sha256: sha256Hex(this.#timestamp), expiresMs, bytes: this.#timestamp },
      snapshot: snapshotFile === undefined
        ? { role: "snapshot", ...statedOf(ofSnapshot), expiresMs }
        : { role: "snapshot", version: ofSnapshot.version, length: snapshotFile.bytes.length, sha256: sha256Hex(snapshotFile.bytes), expiresMs: parseExpires(snapshotFile.signed.expires) },
      roles: this.#adopted,
      envelopes: [
        ...this.#roots.map(({ version, bytes }) => ({ role: "root", version, bytes })),
        ...(targets.envelope === undefined ? [] : [{ role: "targets", version: targets.envelope.signed.version, bytes: targets.envelope.bytes }]),
        ...this.#signed,
      ],
      counter: this.#counter,
      settings: { ...binSettings(tree), [NESTED]: settingOf(belowOf(tree), this.#id) as unknown as SettingValue, ...(snapshotFile === undefined ? { [PRESS_FIRST]: true } : {}) },
      changes: this.#pending.ended.map(({ id, task, outcome, role }): CutChange => ({ id, task, outcome, role })),
      results,
      ...(press.length === 0 ? {} : { press: { task: { id: this.#deps.random.hex(16), kind: "force_online_metadata_update", createdMs: clock.now(), request: { roles: press } }, roles: press } }),
      garbageNotBeforeMs: Math.max(expiresMs, this.#baseExpiresMs) + policy.edgeStaleMs + DAY_MS,
    });
    await foldAll(this.#deps, this.#hold);

    const { ended } = this.#pending;
    const conflicts = ended.filter(({ outcome }) => outcome === "set-aside").map(({ task, path, reason }) => ({ task, path, reason: reason ?? "" }));
    const adopted: Adopted = {
      timestampVersion: timestamp.version,
      expires: timestamp.expires,
      roots: this.#roots.map(({ version }) => version),
      roles: this.#newer.sort(),
      readBack,
      dropped,
      pressed: press.map((role) => ({ role, reason: this.#press.get(role) ?? "" })),
      done: ended.length - conflicts.length,
      conflicts,
      open: this.#pending.open,
      counter: (await database.publisher()).counter,
    };
    telemetry.log.info({ timestamp: adopted.timestampVersion, roots: adopted.roots.length, roles: adopted.roles.length, readBack, dropped, pressed: press.length, conflicts: conflicts.length }, "adopted what storage holds");
    return adopted;
  }

  /** No version seen in storage is allocated again. */
  #see(...versions: readonly number[]): void {
    for (const version of versions) this.#counter = Math.max(this.#counter, version);
  }

  /** The stored snapshot, or undefined when it is of no use: then every role is pressed again. */
  async #snapshot(): Promise<ParsedEnvelope<"snapshot"> | undefined> {
    const { version } = this.#trusted.timestamp?.signed.meta["snapshot.json"] ?? { version: 0 };
    const reason = await this.#refusal(`${String(version)}.snapshot.json`, (bytes) => { this.#trusted.updateSnapshot(bytes); });
    if (reason === undefined) return this.#trusted.snapshot;
    for (const row of this.#rows.values()) if (!row.retired) this.#press.set(row.role, `${String(version)}.snapshot.json ${reason}, so nothing tells which version clients have seen`);
    return undefined;
  }

  /** Why the file cannot be used; undefined when `use` took it. */
  async #refusal(name: string, use: (bytes: Buffer) => void): Promise<string | undefined> {
    try {
      const file = await this.#deps.storage.read(name, READ_AT_MOST);
      if (file === undefined) return "is missing from storage";
      use(file.bytes);
      return undefined;
    } catch (error) {
      if (error instanceof TufError) return `is damaged in storage (${error.message})`;
      if (error instanceof StorageError && error.code !== "unavailable" && error.code !== "fatal") return `cannot be read (${error.message})`;
      throw error;
    }
  }

  /** Top-level targets: the newer of the two says which roles there are, and who takes a path. */
  async #targets(hasSnapshot: boolean, shown: LastShown | undefined): Promise<TargetsChoice> {
    const ours = await this.#deps.database.envelope("targets");
    if (ours === undefined) throw new Error("the database has a head and no targets");
    const oursParsed = parseEnvelope(ours.bytes, "targets");
    const keep: TargetsChoice = { ours: oursParsed.signed, signed: oursParsed.signed, published: oursParsed.signed, envelope: undefined };
    // Where nothing stored says which roles there are it is what clients were shown last, never what none of them saw.
    const fall = async (): Promise<TargetsChoice> => {
      const last = await shown?.targets();
      return last === undefined ? keep : { ours: oursParsed.signed, signed: last.signed, published: last.signed, envelope: last };
    };
    if (!hasSnapshot) return await fall();
    const stated = this.#stated("targets");
    if (stated === undefined) return await fall();
    this.#see(stated.version);
    const reason = await this.#refusal(`${String(stated.version)}.targets.json`, (bytes) => { this.#trusted.updateTargets(bytes); });
    const stored = this.#trusted.targets();
    if (reason !== undefined || stored === undefined) {
      this.#keepOurs("targets", stated, reason ?? "");
      return await fall();
    }
    const published = stored.signed;
    if (!this.#isNewer("targets", stored)) {
      // Ours is of a head that no client saw: what makes it is pending again, and so are the roles it delegates to.
      if (stored.signed.version === this.#rows.get("targets")?.version && stored.signed.version < oursParsed.signed.version) return { ...keep, signed: published, published, envelope: stored };
      if (stored.signed.version < oursParsed.signed.version) this.#keepOurs("targets", stated, NEWER_HERE);
      return { ...keep, published };
    }
    await this.#stage("targets", stored);
    return { ...keep, signed: stored.signed, published, envelope: stored };
  }

  /**
   * Every other role the stored snapshot lists, one at a time: memory holds one document. Whoever delegates
   * is read before those it delegates to. Answers who delegates to whom from now on.
   */
  async #delegated(targets: TargetsChoice, ours: Below): Promise<DelegationTree> {
    const meta = this.#trusted.snapshot?.signed.meta ?? {};
    const listed = new Set(Object.keys(meta).map((file) => file.replace(/\.json$/, "")).filter((role) => role !== "targets"));
    const all = listed.size;
    // What the stored documents delegate, by which stored roles verify; and what counts from now on.
    const published = new Map<string, Delegations>();
    const chosen = new Map<string, Delegations>();
    const waiting = [{ delegator: "targets", delegations: targets.published.delegations }];
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { delegator, delegations } = next;
      if (delegations === undefined) continue;
      if (delegator !== "targets") published.set(delegator, delegations);
      const explicit = (delegations.roles ?? []).filter(({ paths }) => paths !== undefined).map(({ name }) => name);
      for (const role of explicit) {
        if (!listed.delete(role)) continue;
        this.#onProgress(all - listed.size, all);
        const read = await this.#one(role, delegations, ours.get(role));
        if (read.chosen !== undefined) chosen.set(role, read.chosen);
        waiting.push({ delegator: role, delegations: read.published });
      }
    }
    const below = [...(targets.published.delegations === undefined ? [] : [targets.published.delegations]), ...published.values()];
    for (const role of listed) {
      this.#onProgress(all - listed.size, all);
      const delegations = below.find((each) => delegationIn(each, role) !== undefined);
      const stated = this.#stated(role);
      if (delegations !== undefined) await this.#one(role, delegations, undefined);
      else if (stated !== undefined) {
        this.#see(stated.version);
        this.#retire(role, stated);
      }
    }
    return delegationTreeOf(targets.signed, chosen);
  }

  /** One role under who delegates to it: what it delegates as published, and from now on. */
  async #one(role: string, by: Delegations, ours: Delegations | undefined): Promise<{ readonly published: Delegations | undefined; readonly chosen: Delegations | undefined }> {
    this.#hold.require();
    const keep = { published: ours, chosen: ours };
    const stated = this.#stated(role);
    const delegation = delegationIn(by, role);
    if (stated === undefined || delegation === undefined) return keep;
    this.#see(stated.version);
    let document: ParsedEnvelope<"targets"> | undefined;
    const reason = await this.#refusal(`${String(stated.version)}.${role}.json`, (bytes) => {
      requireStated(role, stated, bytes);
      const parsed = parseEnvelope(bytes, "targets");
      requireThreshold(role, delegation.keys, delegation.role, parsed);
      if (parsed.signed.version !== stated.version) throw new TufError("targets-version", `it says version ${String(parsed.signed.version)}`);
      document = parsed;
    });
    const row = this.#rows.get(role);
    if (reason !== undefined || document === undefined) {
      this.#keepOurs(role, stated, reason ?? "");
      return keep;
    }
    const published = document.signed.delegations;
    if (this.#isNewer(role, document)) {
      await this.#stage(role, document);
      if (needsPeople(delegation)) this.#signed.push({ role, version: stated.version, bytes: document.bytes });
      return { published, chosen: published };
    }
    if (row === undefined || row.version <= stated.version) return { published, chosen: published };
    this.#keepOurs(role, stated, NEWER_HERE);
    return { published, chosen: ours };
  }

  #stated(role: string): FileMeta | undefined {
    return own(this.#trusted.snapshot?.signed.meta ?? {}, `${role}.json`);
  }

  #isNewer(role: string, document: ParsedEnvelope<"targets">): boolean {
    const row = this.#rows.get(role);
    if (row === undefined || document.signed.version > row.version) return true;
    return document.signed.version === row.version && sha256Hex(document.bytes) !== row.sha256;
  }

  /** What the document lists becomes this role's; what it says of pending changes is remembered until all roles are known. */
  async #stage(role: string, document: ParsedEnvelope<"targets">): Promise<void> {
    const { signed, bytes } = document;
    const fragments = new Map(Object.entries(signed.targets).map(([path, target]) => [path, canonicalString(target as unknown as Json)]));
    await this.#deps.database.stageAdopted(this.#hold.lease, this.#id, role, [...fragments].map(([path, fragment]) => ({ path, fragment })));
    this.#newer.push(role);
    const says = new Map([...fragments].filter(([path]) => this.#pending.paths.has(path)));
    this.#taken.push({ role, says, row: { version: signed.version, length: bytes.length, sha256: sha256Hex(bytes), expiresMs: parseExpires(signed.expires) } });
  }

  #takeAll(tree: DelegationTree): void {
    for (const { role, says, row } of this.#taken) {
      this.#adopted.push({ ...this.#rowOf(role, tree), ...row, retired: false, takesTargets: true });
      this.#pending.decide(role, says, tree);
    }
  }

  /** Ours stays and is pressed again. Its row says what is published, so that the next snapshot starts from there. */
  #keepOurs(role: string, stated: FileMeta, reason: string): void {
    const row = this.#rows.get(role);
    this.#press.set(role, reason);
    const was = row ?? { ...this.#rowOf(role, undefined), expiresMs: parseExpires(this.#trusted.timestamp?.signed.expires ?? ""), retired: false };
    this.#adopted.push({ ...was, ...statedOf(stated), takesTargets: false });
  }

  /** Nobody delegates to it any more; its last version stays listed (promise 9). */
  #retire(role: string, stated: FileMeta): void {
    const row = this.#rows.get(role);
    const last = row !== undefined && row.version >= stated.version ? row : statedOf(stated);
    this.#adopted.push({ ...this.#rowOf(role, undefined), version: last.version, length: last.length, sha256: last.sha256, expiresMs: row?.expiresMs ?? 0, retired: true, takesTargets: false });
  }

  #rowOf(role: string, tree: DelegationTree | undefined): Pick<RoleRow, "role" | "kind" | "parent"> {
    const row = this.#rows.get(role);
    if (row !== undefined) return { role, kind: row.kind, parent: row.parent };
    if (role === "targets") return { role, kind: "targets", parent: "" };
    const custom = tree?.custom.find(({ name }) => name === role);
    const bins = tree?.bins.find(({ prefix, bitLength }) => isBinName(prefix, bitLength, role));
    return { role, kind: custom === undefined && bins !== undefined ? "bins" : "delegated", parent: custom?.parent ?? bins?.delegator ?? "targets" };
  }

  /** What this database knows and the stored snapshot does not list is shown by the next publish. */
  #pressMissing(tree: DelegationTree): void {
    const live = new Set(["targets", ...rolesOf(tree)]);
    for (const [role, row] of this.#rows) {
      if (!row.retired && live.has(role) && this.#stated(role) === undefined && !this.#press.has(role)) this.#press.set(role, "the stored snapshot does not list it");
    }
  }
}

interface TargetsChoice {
  /** As this database has it. */
  readonly ours: Targets;
  /** Whose delegations count from now on. */
  readonly signed: Targets;
  /** Whose delegations the stored roles were published under. */
  readonly published: Targets;
  /** Stored, newer than ours. */
  readonly envelope: ParsedEnvelope<"targets"> | undefined;
}

const NEWER_HERE = "is newer in this database than in storage";

function statedOf({ version, length, hashes }: FileMeta): { version: number; length: number; sha256: string } {
  return { version, length: length ?? 0, sha256: hashes?.["sha256"] ?? "" };
}
