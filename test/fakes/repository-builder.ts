// TUF repositories in memory, valid or broken on purpose, signed with throw-away keys.
//
//   const repository = new RepositoryBuilder({ now, bins: 4 });
//   repository.add("a/b.txt", "content");
//   repository.publish();
//   repository.files.get("timestamp.json")
//
// Every document is a plain object that a test may bend before `publish`, and every
// published file can be replaced by `put`. Nothing here checks anything: that is the point.

import { constants, createHash, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { Json, Key, Signature } from "../../src/tuf/documents.ts";
import { canonicalize } from "../../src/tuf/canonical.ts";

export const DAY_MS = 86_400_000;

type Mutable = { [member: string]: Mutable | Mutable[] | string | number | boolean | null | undefined };

export interface TestKey {
  readonly keyid: string;
  readonly key: Key;
  sign(bytes: Uint8Array): string;
}

export interface RoleEntry {
  keyids: string[];
  threshold: number;
}
export interface RootDocument {
  _type: string;
  spec_version: string;
  version: number;
  expires: string;
  consistent_snapshot: boolean;
  keys: Record<string, Key>;
  roles: Record<string, RoleEntry>;
}
export interface MetaEntry {
  version: number;
  length?: number;
  hashes?: Record<string, string>;
}
export interface MetaDocument {
  _type: string;
  spec_version: string;
  version: number;
  expires: string;
  meta: Record<string, MetaEntry>;
}
export interface TargetEntry {
  length: number;
  hashes: Record<string, string>;
  custom?: Mutable;
}
export interface DelegatedEntry extends RoleEntry {
  name: string;
  terminating: boolean;
  paths?: string[];
  path_hash_prefixes?: string[];
}
export interface DelegationsDocument {
  keys: Record<string, Key>;
  roles?: DelegatedEntry[];
  succinct_roles?: RoleEntry & { bit_length: number; name_prefix: string };
}
export interface TargetsDocument {
  _type: string;
  spec_version: string;
  version: number;
  expires: string;
  targets: Record<string, TargetEntry>;
  delegations?: DelegationsDocument;
}
type Signable = RootDocument | MetaDocument | TargetsDocument;

export interface BuilderOptions {
  /** Milliseconds; documents expire `days` after it. */
  readonly now: number;
  readonly days?: number;
  /** How many bins targets delegates to; a power of two. None by default. */
  readonly bins?: number;
  readonly binStyle?: "succinct" | "classic";
  readonly binPrefix?: string;
  readonly consistentSnapshot?: boolean;
  /** `unique`: one counter for all roles, as this service does. `each`: every role counts for itself. */
  readonly versions?: "unique" | "each";
  /** What snapshot and timestamp say beside the version. Timestamp always gives length and hash of snapshot, unless `none`. */
  readonly hashes?: "all" | "snapshot" | "none";
  /** Kind of the online key. */
  readonly keytype?: "ed25519" | "ecdsa" | "rsa";
}

export class RepositoryBuilder {
  readonly options: Required<BuilderOptions>;
  /** Who signs what: top-level and delegated roles; a role without an entry is signed by `online`. */
  readonly signers = new Map<string, readonly TestKey[]>();
  online: TestKey;
  readonly root: RootDocument;
  readonly timestamp: MetaDocument;
  readonly snapshot: MetaDocument;
  /** targets and every delegated role, bins too. */
  readonly roles = new Map<string, TargetsDocument>();
  /** What is published: file name to bytes. Old versions stay. */
  readonly files = new Map<string, Buffer>();
  /** The artifacts themselves: path to bytes. */
  readonly artifacts = new Map<string, Buffer>();
  #counter = 0;
  readonly #changed = new Set<string>();

  constructor(options: BuilderOptions) {
    this.options = { days: 30, bins: 0, binStyle: "succinct", binPrefix: "bins", consistentSnapshot: true, versions: "unique", hashes: "snapshot", keytype: "ed25519", ...options };
    const rootKey = createTestKey();
    this.online = createTestKey(this.options.keytype);
    this.signers.set("root", [rootKey]);
    const online = (): RoleEntry => ({ keyids: [this.online.keyid], threshold: 1 });
    const common = (type: string) => ({ _type: type, spec_version: "1.0.31", version: 0, expires: this.expires() });
    this.root = {
      ...common("root"),
      consistent_snapshot: this.options.consistentSnapshot,
      keys: { [rootKey.keyid]: rootKey.key, [this.online.keyid]: this.online.key },
      roles: { root: { keyids: [rootKey.keyid], threshold: 1 }, timestamp: online(), snapshot: online(), targets: online() },
    };
    this.timestamp = { ...common("timestamp"), meta: { "snapshot.json": { version: 0 } } };
    this.snapshot = { ...common("snapshot"), meta: {} };
    this.role("targets");
    if (this.options.bins > 0) this.#delegateToBins();
    this.publishRoot();
  }

  /** `expires` for so many days after (or, negative, before) now. */
  expires(days: number = this.options.days): string {
    return new Date(this.options.now + days * DAY_MS).toISOString().replace(/\.\d+Z$/, "Z");
  }

  /** The document of a targets role, made empty when it's new; it counts as changed. */
  role(name: string): TargetsDocument {
    let document = this.roles.get(name);
    if (document === undefined) {
      document = { _type: "targets", spec_version: "1.0.31", version: 0, expires: this.expires(), targets: {} };
      this.roles.set(name, document);
    }
    this.#changed.add(name);
    return document;
  }

  /** Adds a delegation at the end of `from`, with a key of its own unless `keys` are given. */
  delegate(from: string, name: string, entry: Partial<DelegatedEntry> = {}, keys: readonly TestKey[] = [createTestKey()]): TargetsDocument {
    const parent = this.role(from);
    parent.delegations ??= { keys: {}, roles: [] };
    for (const key of keys) parent.delegations.keys[key.keyid] = key.key;
    const paths = entry.path_hash_prefixes === undefined ? { paths: ["*"] } : {};
    (parent.delegations.roles ??= []).push({ name, keyids: keys.map(({ keyid }) => keyid), threshold: 1, terminating: false, ...paths, ...entry });
    this.signers.set(name, keys);
    return this.role(name);
  }

  /** Lists an artifact in `role` (its bin, or targets, when not said) and keeps its content. */
  add(path: string, content: string | Uint8Array, role: string = this.binOf(path) ?? "targets", algorithms: readonly string[] = ["sha256"]): void {
    const bytes = Buffer.from(content);
    this.artifacts.set(path, bytes);
    const hashes = Object.fromEntries(algorithms.map((algorithm) => [algorithm, createHash(algorithm).update(bytes).digest("hex")]));
    // A path may be `__proto__` or `constructor`.
    Object.defineProperty(this.role(role).targets, path, { value: { length: bytes.length, hashes }, enumerable: true, configurable: true, writable: true });
  }

  /** The bin of a path by the leading bits of its sha256; undefined without bins. */
  binOf(path: string): string | undefined {
    const { bins } = this.options;
    if (bins === 0) return undefined;
    const head = createHash("sha256").update(path).digest().readUInt32BE(0);
    return this.binName(Math.floor(head / (2 ** 32 / bins)));
  }

  binName(index: number): string {
    const width = (this.options.bins - 1).toString(16).length;
    return `${this.options.binPrefix}-${index.toString(16).padStart(width, "0")}`;
  }

  /** The next root: version + 1, signed by `signWith`, or by the old and new signers of root. */
  publishRoot(change?: (root: RootDocument) => void, signWith?: readonly TestKey[]): Buffer {
    const before = this.signers.get("root") ?? [];
    this.root.version += 1;
    change?.(this.root);
    const keys = signWith ?? [...new Set([...before, ...(this.signers.get("root") ?? [])])];
    const bytes = this.sign("root", this.root, keys);
    this.files.set(`${String(this.root.version)}.root.json`, bytes);
    return bytes;
  }

  /** Replaces the key of top-level `roles` by a new one; publish the root and the roles yourself. */
  rotate(roles: readonly string[]): TestKey {
    const key = createTestKey();
    this.root.keys[key.keyid] = key.key;
    for (const role of roles) {
      this.root.roles[role] = { keyids: [key.keyid], threshold: 1 };
      this.signers.set(role, [key]);
      if (role === "targets") this.role("targets");
    }
    return key;
  }

  /** Everything that changed: targets roles, then snapshot, then timestamp. */
  publish(): void {
    this.publishRoles();
    this.publishSnapshot();
    this.publishTimestamp();
  }

  publishRoles(): void {
    for (const name of this.#changed) {
      const document = this.roles.get(name);
      if (document === undefined) continue;
      document.version = this.#next(document.version);
      const bytes = this.sign(name, document);
      this.put(name, document.version, bytes);
      this.snapshot.meta[`${name}.json`] = this.options.hashes === "all" ? metaOf(document.version, bytes) : { version: document.version };
    }
    this.#changed.clear();
  }

  publishSnapshot(): void {
    this.snapshot.version = this.#next(this.snapshot.version);
    const bytes = this.sign("snapshot", this.snapshot);
    this.put("snapshot", this.snapshot.version, bytes);
    this.timestamp.meta["snapshot.json"] = this.options.hashes === "none" ? { version: this.snapshot.version } : metaOf(this.snapshot.version, bytes);
  }

  publishTimestamp(): void {
    this.timestamp.version = this.#next(this.timestamp.version);
    this.files.set("timestamp.json", this.sign("timestamp", this.timestamp));
  }

  /** Puts bytes where clients look for `version` of `role`. */
  put(role: string, version: number, bytes: Uint8Array): void {
    const name = this.root.consistent_snapshot ? `${String(version)}.${role}.json` : `${role}.json`;
    this.files.set(name, Buffer.from(bytes));
  }

  /** The published bytes of a role's current version. */
  fileOf(role: string): Buffer {
    const version = role === "snapshot" ? this.snapshot.version : this.roles.get(role)?.version;
    const name = role === "timestamp" || !this.root.consistent_snapshot ? `${role}.json` : `${String(version ?? 0)}.${role}.json`;
    const bytes = this.files.get(name);
    if (bytes === undefined) throw new Error(`${name} is not published`);
    return bytes;
  }

  /** `document` as an envelope, signed by `keys` or by the signers of `role`. */
  sign(role: string, document: Signable, keys: readonly TestKey[] = this.signers.get(role) ?? [this.online]): Buffer {
    return signEnvelope(document as unknown as Json, keys);
  }

  /** What is published now, to serve or to come back to. */
  copyFiles(): Map<string, Buffer> {
    return new Map(this.files);
  }

  #next(version: number): number {
    this.#counter += 1;
    return this.options.versions === "unique" ? this.#counter : version + 1;
  }

  #delegateToBins(): void {
    const { bins, binStyle, binPrefix } = this.options;
    const targets = this.role("targets");
    const keys = { [this.online.keyid]: this.online.key };
    const entry = (): RoleEntry => ({ keyids: [this.online.keyid], threshold: 1 });
    const bits = Math.log2(bins);
    targets.delegations =
      binStyle === "succinct"
        ? { keys, succinct_roles: { ...entry(), bit_length: bits, name_prefix: binPrefix } }
        : { keys, roles: Array.from({ length: bins }, (_, index) => ({ ...entry(), name: this.binName(index), terminating: true, path_hash_prefixes: prefixesOf(bits, index) })) };
    for (let index = 0; index < bins; index += 1) this.role(this.binName(index));
  }
}

/** An envelope over `document` as it is, signed by `keys`. */
export function signEnvelope(document: Json, keys: readonly TestKey[]): Buffer {
  const canonical = canonicalize(document);
  const signatures: Signature[] = keys.map((key) => ({ keyid: key.keyid, sig: key.sign(canonical) }));
  return Buffer.from(JSON.stringify({ signatures, signed: document }));
}

export function createTestKey(keytype: "ed25519" | "ecdsa" | "rsa" = "ed25519"): TestKey {
  const { privateKey, scheme } = generate(keytype);
  const key: Key = { keytype, scheme, keyval: { public: publicText(privateKey) } };
  return { keyid: createHash("sha256").update(canonicalize(key as unknown as Json)).digest("hex"), key, sign: (bytes) => signBytes(privateKey, bytes).toString("hex") };
}

/** Length and sha256, as a parent lists a file. */
export function metaOf(version: number, bytes: Uint8Array): MetaEntry {
  return { version, length: bytes.byteLength, hashes: { sha256: createHash("sha256").update(bytes).digest("hex") } };
}

function generate(keytype: "ed25519" | "ecdsa" | "rsa"): { readonly privateKey: KeyObject; readonly scheme: string } {
  switch (keytype) {
    case "ed25519":
      return { privateKey: generateKeyPairSync("ed25519").privateKey, scheme: "ed25519" };
    case "ecdsa":
      return { privateKey: generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey, scheme: "ecdsa-sha2-nistp256" };
    case "rsa":
      return { privateKey: generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey, scheme: "rsassa-pss-sha256" };
  }
}

function publicText(privateKey: KeyObject): string {
  const publicKey = createPublicKey(privateKey);
  if (privateKey.asymmetricKeyType !== "ed25519") return publicKey.export({ type: "spki", format: "pem" }) as string;
  return Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url").toString("hex");
}

function signBytes(privateKey: KeyObject, bytes: Uint8Array): Buffer {
  switch (privateKey.asymmetricKeyType) {
    case "ed25519":
      return sign(null, bytes, privateKey);
    case "rsa":
      return sign("sha256", bytes, { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST });
    default:
      return sign("sha256", bytes, privateKey);
  }
}

/** The hex prefixes of the paths in one of 2^bits bins (TUF 4.5). */
function prefixesOf(bits: number, index: number): string[] {
  const digits = Math.ceil(bits / 4);
  const each = 2 ** (digits * 4 - bits);
  return Array.from({ length: each }, (_, at) => (index * each + at).toString(16).padStart(digits, "0"));
}
