// The client workflow (TUF specification 5.3 to 5.6) as a state machine over bytes: what a
// client, or whoever checks for one, may believe after reading these files in this order.
//
// It keeps these rules, each cited where it is checked:
//  1. Nothing is trusted that its delegator's keys did not sign by threshold.
//  2. Root goes up by one, signed by the old and the new root keys; only the last one's
//     expiry counts.
//  3. Versions never go down: timestamp, the snapshot it names, any role the snapshot lists,
//     and no role vanishes from the snapshot.
//  4. A file is the one its delegating metadata describes: length, hashes, version.
//  5. Nothing expired is used for a decision. An expired timestamp or snapshot, or a snapshot
//     of another version, is kept as intermediate, for rule 3 against its successor, and the
//     call throws.
// Order: every root, then timestamp, snapshot, targets, delegated roles; a call out of order
// throws `trusted-set-order`. A refused file changes nothing but for rule 5.
//
// Left to the caller: fetching, the sizes below, and fast-forward recovery (5.3.11): a
// caller that finds the timestamp's or snapshot's keys changed offers no stored one.

import { hashHex } from "./crypto.ts";
import type { HashAlgorithm } from "./crypto.ts";
import type { FileMeta, Root, Snapshot, Targets, Timestamp } from "./documents.ts";
import { TufError } from "./errors.ts";
import { knownHashes, parseEnvelope, parseExpires } from "./parse.ts";
import type { ParsedEnvelope } from "./parse.ts";
import { delegationOf, requireThreshold, verifyThreshold } from "./threshold.ts";
import { own } from "../lib/own.ts";

/** What python-tuf's client reads at most, in bytes where no length is stated; tuf-js and go-tuf alike. */
export const CLIENT_LIMITS = {
  rootBytes: 512_000,
  timestampBytes: 16_384,
  snapshotBytes: 2_000_000,
  targetsBytes: 5_000_000,
  rootRotations: 256,
  delegations: 32,
} as const;

export class TrustedSet {
  readonly #now: number;
  readonly #verify: typeof verifyThreshold;
  #root: ParsedEnvelope<"root">;
  #timestamp: ParsedEnvelope<"timestamp"> | undefined;
  #snapshot: ParsedEnvelope<"snapshot"> | undefined;
  readonly #targets = new Map<string, ParsedEnvelope<"targets">>();

  /**
   * Starts from a root trusted out of band (5.2); it must be signed by its own keys.
   * @param options.now the one reference time of this update, milliseconds (5.1)
   * @param options.verify answers as `verifyThreshold` does; whoever walks the same files over and over may remember it
   * @throws TufError `json-*`, `document-*`, `threshold`
   */
  constructor(rootBytes: Uint8Array, options: { readonly now: number; readonly verify?: typeof verifyThreshold }) {
    this.#now = options.now;
    this.#verify = options.verify ?? verifyThreshold;
    const root = documentOf(rootBytes, "root", "root");
    this.#requireDelegated(root.signed, "root", root);
    this.#root = root;
  }

  get root(): ParsedEnvelope<"root"> {
    return this.#root;
  }

  /** May be expired after a call that threw `timestamp-expired`. */
  get timestamp(): ParsedEnvelope<"timestamp"> | undefined {
    return this.#timestamp;
  }

  /** May be expired, or of another version than the timestamp says, after a call that threw so. */
  get snapshot(): ParsedEnvelope<"snapshot"> | undefined {
    return this.#snapshot;
  }

  targets(role = "targets"): ParsedEnvelope<"targets"> | undefined {
    return this.#targets.get(role);
  }

  /**
   * The next root (5.3.3 to 5.3.8).
   * @throws TufError `threshold`, `root-version`
   */
  updateRoot(bytes: Uint8Array): ParsedEnvelope<"root"> {
    if (this.#timestamp !== undefined) throw outOfOrder("root after timestamp");
    const next = documentOf(bytes, "root", "root");
    const { version } = this.#root.signed;
    // 5.3.4: signed by the old keys and by its own.
    this.#requireDelegated(this.#root.signed, "root", next);
    // 5.3.5: exactly one higher.
    if (next.signed.version !== version + 1) {
      throw new TufError("root-version", `root has version ${next.signed.version} where ${version + 1} comes next`);
    }
    this.#requireDelegated(next.signed, "root", next);
    // 5.3.6, 5.3.7: an intermediate root may be expired.
    this.#root = next;
    return next;
  }

  /**
   * A timestamp, the stored one first (5.4).
   * @throws TufError `root-expired`, `threshold`, `timestamp-rollback`, `timestamp-equal` (nothing new, keep
   *   what is there), `timestamp-expired` (kept as intermediate)
   */
  updateTimestamp(bytes: Uint8Array): ParsedEnvelope<"timestamp"> {
    if (this.#snapshot !== undefined) throw outOfOrder("timestamp after snapshot");
    // 5.3.10: the last root is the one whose expiry counts.
    if (this.#isExpired(this.#root.signed)) throw expired("root-expired", "root", this.#root.signed);
    const next = documentOf(bytes, "timestamp", "timestamp");
    // 5.4.2
    this.#requireDelegated(this.#root.signed, "timestamp", next);
    if (this.#timestamp !== undefined) {
      const known = this.#timestamp.signed;
      // 5.4.3.1: neither lower nor, equal, worth a look.
      if (next.signed.version < known.version) {
        throw new TufError("timestamp-rollback", `timestamp has version ${next.signed.version}, version ${known.version} is known`);
      }
      if (next.signed.version === known.version) {
        throw new TufError("timestamp-equal", `timestamp still has version ${known.version}`);
      }
      // 5.4.3.2
      const [before, after] = [snapshotMeta(known).version, snapshotMeta(next.signed).version];
      if (after < before) throw new TufError("snapshot-rollback", `timestamp names snapshot ${after}, version ${before} is known`);
    }
    // 5.4.5, before 5.4.4: an expired one still counts against rollback.
    this.#timestamp = next;
    this.#requireFreshTimestamp(next);
    return next;
  }

  /**
   * The snapshot (5.5).
   * @param options.trusted read from the client's own store: length and hashes in the timestamp
   *   are those of a newer one, so they are not compared
   * @throws TufError `timestamp-expired`, `snapshot-length`, `snapshot-hash`, `threshold`, `snapshot-role-vanished`,
   *   `snapshot-rollback`; `snapshot-expired` and `snapshot-version` (kept as intermediate)
   */
  updateSnapshot(bytes: Uint8Array, options: { readonly trusted?: boolean } = {}): ParsedEnvelope<"snapshot"> {
    if (this.#timestamp === undefined) throw outOfOrder("snapshot before timestamp");
    if (this.#targets.size > 0) throw outOfOrder("snapshot after targets");
    this.#requireFreshTimestamp(this.#timestamp);
    // 5.5.2: before anything is parsed.
    if (options.trusted !== true) requireDescribed("snapshot", snapshotMeta(this.#timestamp.signed), bytes);
    const next = documentOf(bytes, "snapshot", "snapshot");
    // 5.5.3
    this.#requireDelegated(this.#root.signed, "snapshot", next);
    // 5.5.5, before 5.5.4: an older stored snapshot still counts against rollback.
    if (this.#snapshot !== undefined) requireNoRollback(this.#snapshot.signed, next.signed);
    this.#snapshot = next;
    this.#requireFinalSnapshot(this.#timestamp, next);
    return next;
  }

  /**
   * Targets (5.6) or a role delegated by `delegator`, which is trusted already.
   * @throws TufError `snapshot-expired`, `snapshot-version`, `unknown-role`, `targets-not-in-snapshot`, `targets-length`,
   *   `targets-hash`, `threshold`, `targets-version`, `targets-expired`
   */
  updateTargets(bytes: Uint8Array, role = "targets", delegator = "root"): ParsedEnvelope<"targets"> {
    if (this.#timestamp === undefined || this.#snapshot === undefined) throw outOfOrder("targets before snapshot");
    this.#requireFinalSnapshot(this.#timestamp, this.#snapshot);
    const by: Root | Targets | undefined = delegator === "root" ? this.#root.signed : this.#targets.get(delegator)?.signed;
    if (by === undefined) throw outOfOrder(`${role} before its delegator ${delegator}`);
    // Only targets is a targets role that root delegates to.
    if (delegator === "root" && role !== "targets") throw new TufError("unknown-role", `root delegates to no targets role ${role}`);
    const meta = own(this.#snapshot.signed.meta, `${role}.json`);
    if (meta === undefined) throw new TufError("targets-not-in-snapshot", `the snapshot lists no ${role}.json`);
    // 5.6.2: before anything is parsed.
    requireDescribed("targets", meta, bytes, role);
    const next = documentOf(bytes, "targets", role);
    // 5.6.3
    this.#requireDelegated(by, role, next);
    // 5.6.4
    if (next.signed.version !== meta.version) {
      throw new TufError("targets-version", `${role} has version ${next.signed.version} where the snapshot lists ${meta.version}`);
    }
    // 5.6.5
    if (this.#isExpired(next.signed)) throw expired("targets-expired", role, next.signed);
    this.#targets.set(role, next);
    return next;
  }

  #requireDelegated(delegator: Root | Targets, role: string, parsed: Pick<ParsedEnvelope, "signatures" | "canonical">): void {
    const delegation = delegationOf(delegator, role);
    if (delegation === undefined) throw new TufError("unknown-role", `${delegator._type} delegates to no role ${role}`);
    requireThreshold(role, delegation.keys, delegation.role, parsed, this.#verify);
  }

  /** 5.4.4. */
  #requireFreshTimestamp(timestamp: ParsedEnvelope<"timestamp">): void {
    if (this.#isExpired(timestamp.signed)) throw expired("timestamp-expired", "timestamp", timestamp.signed);
  }

  /** 5.5.6 and 5.5.4: put off until the snapshot is used. */
  #requireFinalSnapshot(timestamp: ParsedEnvelope<"timestamp">, snapshot: ParsedEnvelope<"snapshot">): void {
    if (this.#isExpired(snapshot.signed)) throw expired("snapshot-expired", "snapshot", snapshot.signed);
    const { version } = snapshotMeta(timestamp.signed);
    if (snapshot.signed.version !== version) {
      throw new TufError("snapshot-version", `snapshot has version ${snapshot.signed.version} where the timestamp names ${version}`);
    }
  }

  /** At the very moment it expires, metadata is expired, as python-tuf has it. */
  #isExpired(signed: { readonly expires: string }): boolean {
    return this.#now >= parseExpires(signed.expires);
  }
}

/** Parsed, or refused with the name of the role: the reader has several files before him. */
function documentOf<T extends "root" | "timestamp" | "snapshot" | "targets">(bytes: Uint8Array, type: T, role: string): ParsedEnvelope<T> {
  try {
    return parseEnvelope(bytes, type);
  } catch (error) {
    if (error instanceof TufError) throw new TufError(error.code, `${role}: ${error.message}`, { cause: error, ...(error.at === undefined ? {} : { at: error.at }) });
    throw error;
  }
}

function snapshotMeta(timestamp: Timestamp): FileMeta {
  return timestamp.meta["snapshot.json"];
}

/** 5.5.5: no role's version goes down, none is left out. */
function requireNoRollback(known: Snapshot, next: Snapshot): void {
  for (const [file, { version }] of Object.entries(known.meta)) {
    const now = own(next.meta, file);
    if (now === undefined) throw new TufError("snapshot-role-vanished", `${file} is in snapshot ${known.version}, but not in ${next.version}`);
    if (now.version < version) throw new TufError("snapshot-rollback", `snapshot lists version ${now.version} of ${file}, version ${version} is known`);
  }
}

/** Length and hashes, where they are stated. Hashes none of which can be computed describe nothing, and are refused. */
function requireDescribed(kind: "snapshot" | "targets", meta: FileMeta, bytes: Uint8Array, name: string = kind): void {
  if (meta.length !== undefined && bytes.length !== meta.length) {
    throw new TufError(`${kind}-length`, `${name} has ${bytes.length} bytes, ${meta.length} are stated`);
  }
  if (meta.hashes === undefined) return;
  const known = knownHashes(meta.hashes);
  if (known.length === 0) throw new TufError(`${kind}-hash`, `${name} is described by hashes of unknown algorithms only`);
  for (const [algorithm, hex] of known) {
    if (hashHex(algorithm as HashAlgorithm, bytes) !== hex) throw new TufError(`${kind}-hash`, `${name} has another ${algorithm} than is stated`);
  }
}

function expired(code: "root-expired" | "timestamp-expired" | "snapshot-expired" | "targets-expired", role: string, signed: { readonly expires: string }): TufError {
  return new TufError(code, `${role} expired at ${signed.expires}`);
}

function outOfOrder(what: string): TufError {
  return new TufError("trusted-set-order", `${what} is out of order`);
}
