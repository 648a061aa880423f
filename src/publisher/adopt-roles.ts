// What becomes of each role when a stored history is adopted (rule 17): the stored snapshot is walked, who delegates before
// those it delegates to, and of each role the newer of two counts, its document or our row.

import type { Adoption, RoleRow } from "../ports/database.ts";
import { StorageError } from "../ports/storage.ts";
import { own } from "../lib/own.ts";
import { delegationTreeOf, rolesOf, type Below, type DelegationTree } from "../roles/delegation.ts";
import { needsPeople } from "../roles/people.ts";
import { isBinName } from "../tuf/bins.ts";
import { canonicalString } from "../tuf/canonical.ts";
import { sha256Hex } from "../tuf/crypto.ts";
import type { Delegations, FileMeta, Json, Targets } from "../tuf/documents.ts";
import { TufError } from "../tuf/errors.ts";
import { parseEnvelope, parseExpires, type ParsedEnvelope } from "../tuf/parse.ts";
import { delegationIn } from "../tuf/search.ts";
import { requireThreshold } from "../tuf/threshold.ts";
import type { TrustedSet } from "../tuf/trusted-set.ts";
import type { LastShown } from "./adopt-shown.ts";
import { READ_AT_MOST } from "./adopt-trust.ts";
import type { PublisherDeps } from "./deps.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { requireStated } from "./stated.ts";

export interface RoleWalk {
  readonly deps: Pick<PublisherDeps, "database" | "storage">;
  readonly hold: LeaseHold;
  /** The adoption that is staged. */
  readonly id: string;
  /** Trusts the stored timestamp. */
  readonly trusted: TrustedSet;
  /** As this database has them. */
  readonly rows: ReadonlyMap<string, RoleRow>;
  readonly onProgress: (roles: number, of: number) => void;
}

export class AdoptedRoles {
  readonly #deps: RoleWalk["deps"];
  readonly #hold: LeaseHold;
  readonly #id: string;
  readonly #trusted: TrustedSet;
  readonly #rows: ReadonlyMap<string, RoleRow>;
  readonly #onProgress: RoleWalk["onProgress"];
  /** Rows as they will be. */
  readonly adopted: Adoption["roles"][number][] = [];
  /** Roles that are newer in storage. */
  readonly newer: string[] = [];
  /** Roles to press again, and why. */
  readonly press = new Map<string, string>();
  /** What people signed last of their roles: the database keeps it whole. */
  readonly signed: { readonly role: string; readonly version: number; readonly bytes: Buffer }[] = [];
  /** The highest version seen. */
  counter = 0;
  /** Roles newer in storage. */
  readonly #taken: { readonly role: string; readonly row: Pick<RoleRow, "version" | "length" | "sha256" | "expiresMs"> }[] = [];

  constructor({ deps, hold, id, trusted, rows, onProgress }: RoleWalk) {
    this.#deps = deps;
    this.#hold = hold;
    this.#id = id;
    this.#trusted = trusted;
    this.#rows = rows;
    this.#onProgress = onProgress;
  }

  /** No version seen in storage is allocated again. */
  see(...versions: readonly number[]): void {
    for (const version of versions) this.counter = Math.max(this.counter, version);
  }

  /** The stored snapshot, or undefined when it is of no use: then every role is pressed again. */
  async snapshot(): Promise<ParsedEnvelope<"snapshot"> | undefined> {
    const { version } = this.#trusted.timestamp?.signed.meta["snapshot.json"] ?? { version: 0 };
    const reason = await this.#refusal(`${String(version)}.snapshot.json`, (bytes) => { this.#trusted.updateSnapshot(bytes); });
    if (reason === undefined) return this.#trusted.snapshot;
    for (const row of this.#rows.values()) if (!row.retired) this.press.set(row.role, `${String(version)}.snapshot.json ${reason}, so nothing tells which version clients have seen`);
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
  async targets(hasSnapshot: boolean, shown: LastShown | undefined): Promise<TargetsChoice> {
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
    this.see(stated.version);
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
  async delegated(targets: TargetsChoice, ours: Below): Promise<DelegationTree> {
    const meta = this.#trusted.snapshot?.signed.meta ?? {};
    const listed = new Set(Object.keys(meta).map((file) => file.replace(/\.json$/, "")).filter((role) => role !== "targets"));
    const all = listed.size;
    let read = 0;
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
        this.#onProgress(read += 1, all);
        const one = await this.#one(role, delegations, ours.get(role));
        if (one.chosen !== undefined) chosen.set(role, one.chosen);
        waiting.push({ delegator: role, delegations: one.published });
      }
    }
    const below = [...(targets.published.delegations === undefined ? [] : [targets.published.delegations]), ...published.values()];
    for (const role of listed) {
      this.#onProgress(read += 1, all);
      const delegations = below.find((each) => delegationIn(each, role) !== undefined);
      const stated = this.#stated(role);
      if (delegations !== undefined) await this.#one(role, delegations, undefined);
      else if (stated !== undefined) {
        this.see(stated.version);
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
    this.see(stated.version);
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
      if (needsPeople(delegation)) this.signed.push({ role, version: stated.version, bytes: document.bytes });
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

  /** What the document lists becomes this role's. */
  async #stage(role: string, document: ParsedEnvelope<"targets">): Promise<void> {
    const { signed, bytes } = document;
    const targets = Object.entries(signed.targets).map(([path, target]) => ({ path, fragment: canonicalString(target as unknown as Json) }));
    await this.#deps.database.stageAdopted(this.#hold.lease, this.#id, role, targets);
    this.newer.push(role);
    this.#taken.push({ role, row: { version: signed.version, length: bytes.length, sha256: sha256Hex(bytes), expiresMs: parseExpires(signed.expires) } });
  }

  takeAll(tree: DelegationTree): void {
    for (const { role, row } of this.#taken) this.adopted.push({ ...this.#rowOf(role, tree), ...row, retired: false, takesTargets: true });
  }

  /** Ours stays and is pressed again. Its row says what is published, so that the next snapshot starts from there. */
  #keepOurs(role: string, stated: FileMeta, reason: string): void {
    const row = this.#rows.get(role);
    this.press.set(role, reason);
    const was = row ?? { ...this.#rowOf(role, undefined), expiresMs: parseExpires(this.#trusted.timestamp?.signed.expires ?? ""), retired: false };
    this.adopted.push({ ...was, ...statedOf(stated), takesTargets: false });
  }

  /** Nobody delegates to it any more; its last version stays listed (promise 9). */
  #retire(role: string, stated: FileMeta): void {
    const row = this.#rows.get(role);
    const last = row !== undefined && row.version >= stated.version ? row : statedOf(stated);
    this.adopted.push({ ...this.#rowOf(role, undefined), version: last.version, length: last.length, sha256: last.sha256, expiresMs: row?.expiresMs ?? 0, retired: true, takesTargets: false });
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
  pressMissing(tree: DelegationTree): void {
    const live = new Set(["targets", ...rolesOf(tree)]);
    for (const [role, row] of this.#rows) {
      if (!row.retired && live.has(role) && this.#stated(role) === undefined && !this.press.has(role)) this.press.set(role, "the stored snapshot does not list it");
    }
  }
}

export interface TargetsChoice {
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

export function statedOf({ version, length, hashes }: FileMeta): { version: number; length: number; sha256: string } {
  return { version, length: length ?? 0, sha256: hashes?.["sha256"] ?? "" };
}
