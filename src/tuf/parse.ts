// From bytes to TUF documents (TUF specification section 4).
//
// Tolerant where the clients all are: unknown members, keys of unknown types, foreign or
// empty signatures, indented JSON. Strict where a member we rely on is missing or of another
// type. Unknown members survive: `signed` is the value that was read, and `canonical` its
// canonical bytes, whatever it holds.

import { canonicalize, embed } from "./canonical.ts";
import { isHashAlgorithm } from "./crypto.ts";
import type { Envelope, Json, JsonObject, Signature, Signed, SignedOf } from "./documents.ts";
import { TufError } from "./errors.ts";
import { parseJson, readJson } from "./json.ts";
import { TOP_LEVEL_ROLES, isTopLevelRole } from "./paths.ts";

/** What documents we write say; versions 1.x are read. */
export const SPEC_VERSION = "1.0.31";

type Type = Signed["_type"];

export interface ParsedEnvelope<T extends Type = Type> {
  readonly envelope: Envelope<SignedOf<T>>;
  readonly signed: SignedOf<T>;
  readonly signatures: readonly Signature[];
  /** As they came. */
  readonly bytes: Buffer;
  /** Canonical bytes of `signed`: what signatures are over. Made at first use. */
  readonly canonical: Buffer;
}

/**
 * Reads an envelope, of the type `type` where one is given.
 * @throws TufError `json-*` or `document-*`
 */
export function parseEnvelope<T extends Type = Type>(bytes: Uint8Array, type?: T): ParsedEnvelope<T> {
  const { value, isCanonical } = readJson(bytes);
  return parsed(checkEnvelope(value, type), Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), isCanonical);
}

/** An envelope already checked, with the bytes it is stored as; if those are canonical, what is signed is a part of them. */
function parsed<T extends Type>(envelope: Envelope<SignedOf<T>>, bytes: Buffer, isCanonical: boolean): ParsedEnvelope<T> {
  let canonical: Buffer | undefined;
  return {
    envelope,
    signed: envelope.signed,
    signatures: envelope.signatures,
    bytes,
    get canonical(): Buffer {
      return (canonical ??= (isCanonical ? signedPart(envelope, bytes) : undefined) ?? canonicalize(envelope.signed as unknown as Json));
    },
  };
}

/** The canonical bytes of `signed` as they stand in canonical bytes of the envelope; undefined where other members stand beside. */
function signedPart({ signatures, signed: _, ...others }: Envelope, bytes: Buffer): Buffer | undefined {
  if (Object.keys(others).length > 0) return undefined;
  const before = '{"signatures":'.length + canonicalize(signatures as unknown as Json).length + ',"signed":'.length;
  return bytes.subarray(before, bytes.length - 1);
}

/**
 * Reads what is signed alone, from its canonical bytes (bare control characters and all) or
 * any other spelling of it.
 * @throws TufError `json-*` or `document-*`
 */
export function parseSigned<T extends Type = Type>(bytes: Uint8Array, type?: T): SignedOf<T> {
  let value: Json;
  try {
    value = parseJson(bytes);
  } catch (error) {
    if (!(error instanceof TufError) || error.code !== "json-syntax") throw error;
    value = parseJson(embed(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
  }
  return checkSigned(value, type);
}

/**
 * Checks a document that came inside other JSON. The same value is returned.
 * @throws TufError `document-*`
 */
export function checkEnvelope<T extends Type = Type>(value: Json, type?: T): Envelope<SignedOf<T>> {
  const envelope = record(value, []);
  const listed = list(envelope["signatures"], ["signatures"]);
  const keyids = new Set<string>();
  for (const [i, item] of listed.entries()) {
    const signature = record(item, ["signatures", i]);
    const keyid = string(signature["keyid"], ["signatures", i, "keyid"]);
    string(signature["sig"], ["signatures", i, "sig"]);
    if (keyids.has(keyid)) fail(["signatures", i, "keyid"], "stands twice");
    keyids.add(keyid);
  }
  if (envelope["signed"] === undefined) return fail(["signed"], "is missing");
  checkSigned(envelope["signed"], type, ["signed"]);
  return envelope as unknown as Envelope<SignedOf<T>>;
}

/**
 * Checks what is signed alone. The same value is returned.
 * @throws TufError `document-*`
 */
export function checkSigned<T extends Type = Type>(value: Json, type?: T, at: Path = []): SignedOf<T> {
  const signed = record(value, at);
  const stated = signed["_type"];
  if (typeof stated !== "string" || !isTopLevelRole(stated)) {
    throw new TufError("document-type", `${where([...at, "_type"])} is no type of TUF metadata`, { at: [...at, "_type"] });
  }
  if (type !== undefined && stated !== type) {
    throw new TufError("document-type", `metadata of type ${stated} where ${type} was expected`, { at: [...at, "_type"] });
  }
  checkSpecVersion(string(signed["spec_version"], [...at, "spec_version"]), [...at, "spec_version"]);
  integer(signed["version"], 1, [...at, "version"]);
  parseExpires(string(signed["expires"], [...at, "expires"]), [...at, "expires"]);
  CHECKS[stated](signed, at);
  return signed as unknown as SignedOf<T>;
}

const CHECKS: { readonly [T in Type]: (signed: JsonObject, at: Path) => void } = {
  root: checkRoot,
  timestamp: (signed, at) => {
    const meta = record(signed["meta"], [...at, "meta"]);
    checkFileMeta(member(meta, "snapshot.json"), [...at, "meta", "snapshot.json"]);
  },
  snapshot: (signed, at) => {
    const meta = record(signed["meta"], [...at, "meta"]);
    const path = [...at, "meta", ""];
    for (const file of Object.keys(meta)) {
      path[path.length - 1] = file;
      checkFileMeta(meta[file], path);
    }
  },
  targets: checkTargets,
};

/** TUF 4.3: 1.0, 1.0.34, 1.1.0 are read, as python-tuf does; another major version is not. */
function checkSpecVersion(text: string, at: Path): void {
  if (!/^1\.[0-9]{1,9}(\.[0-9]{1,9})?$/.test(text)) {
    throw new TufError("document-spec-version", `${where(at)} is ${quote(text)}; versions 1.x of the specification are read`, { at });
  }
}

const EXPIRES = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z$/;

/**
 * `YYYY-MM-DDTHH:MM:SSZ` (TUF 4.2.3) in milliseconds since 1970.
 * @param at where it stands, for the error
 * @throws TufError `document-expires` for any other spelling and for days no calendar has
 */
export function parseExpires(text: string, at?: Path): number {
  const ms = EXPIRES.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms) || formatExpires(ms) !== text) {
    throw new TufError("document-expires", `expires is ${quote(text)}; it is written YYYY-MM-DDTHH:MM:SSZ`, at === undefined ? {} : { at });
  }
  return ms;
}

/** Milliseconds since 1970 as `YYYY-MM-DDTHH:MM:SSZ`, without the fraction. */
export function formatExpires(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

function checkRoot(signed: JsonObject, at: Path): void {
  if (typeof signed["consistent_snapshot"] !== "boolean") fail([...at, "consistent_snapshot"], "is no boolean");
  checkKeys(signed["keys"], [...at, "keys"]);
  const roles = record(signed["roles"], [...at, "roles"]);
  for (const role of TOP_LEVEL_ROLES) checkRoleKeys(member(roles, role), [...at, "roles", role]);
}

/** Shape only: a key of a type we do not know is one that verifies nothing. */
function checkKeys(value: Json | undefined, at: Path): void {
  const keys = record(value, at);
  for (const keyid of Object.keys(keys)) {
    const path = [...at, keyid];
    const key = record(keys[keyid], path);
    string(key["keytype"], [...path, "keytype"]);
    string(key["scheme"], [...path, "scheme"]);
    record(key["keyval"], [...path, "keyval"]);
  }
}

function checkRoleKeys(value: Json | undefined, at: Path): void {
  const role = record(value, at);
  const keyids = list(role["keyids"], [...at, "keyids"]);
  keyids.forEach((keyid, i) => string(keyid, [...at, "keyids", i]));
  if (new Set(keyids).size !== keyids.length) fail([...at, "keyids"], "names a keyid twice");
  integer(role["threshold"], 1, [...at, "threshold"]);
}

function checkFileMeta(value: Json | undefined, at: Path): void {
  const meta = record(value, at);
  integer(meta["version"], 1, () => [...path(at), "version"]);
  if (meta["length"] !== undefined) integer(meta["length"], 0, () => [...path(at), "length"]);
  if (meta["hashes"] !== undefined) checkHashes(meta["hashes"], at);
}

function checkHashes(value: Json | undefined, at: Path): void {
  const hashes = record(value, () => [...path(at), "hashes"]);
  const algorithms = Object.keys(hashes);
  if (algorithms.length === 0) fail([...path(at), "hashes"], "is empty");
  for (const algorithm of algorithms) string(hashes[algorithm], () => [...path(at), "hashes", algorithm]);
}

function checkTargets(signed: JsonObject, at: Path): void {
  const targets = record(signed["targets"], [...at, "targets"]);
  const here = [...at, "targets", ""];
  for (const name of Object.keys(targets)) {
    here[here.length - 1] = name;
    const target = record(targets[name], here);
    integer(target["length"], 0, () => [...here, "length"]);
    checkHashes(target["hashes"], here);
    if (target["custom"] !== undefined) record(target["custom"], () => [...here, "custom"]);
  }
  if (signed["delegations"] !== undefined) checkDelegations(signed["delegations"], [...at, "delegations"]);
}

function checkDelegations(value: Json, at: Path): void {
  const delegations = record(value, at);
  checkKeys(delegations["keys"], [...at, "keys"]);
  const { roles, succinct_roles: succinct } = delegations;
  if ((roles === undefined) === (succinct === undefined)) fail(at, "has neither or both of roles and succinct_roles");
  if (succinct !== undefined) {
    const path = [...at, "succinct_roles"];
    checkRoleKeys(succinct, path);
    const role = record(succinct, path);
    if (integer(role["bit_length"], 1, [...path, "bit_length"]) > 32) fail([...path, "bit_length"], "is above 32");
    string(role["name_prefix"], [...path, "name_prefix"]);
    return;
  }
  const names = new Set<string>();
  for (const [i, item] of list(roles, [...at, "roles"]).entries()) {
    const path = [...at, "roles", i];
    checkRoleKeys(item, path);
    const role = record(item, path);
    const name = string(role["name"], [...path, "name"]);
    if (name === "" || isTopLevelRole(name)) fail([...path, "name"], "is empty or a top-level role's");
    if (names.has(name)) fail([...path, "name"], "stands twice");
    names.add(name);
    if (typeof role["terminating"] !== "boolean") fail([...path, "terminating"], "is no boolean");
    if ((role["paths"] === undefined) === (role["path_hash_prefixes"] === undefined)) fail(path, "has neither or both of paths and path_hash_prefixes");
    const by = role["paths"] === undefined ? "path_hash_prefixes" : "paths";
    for (const [j, text] of list(role[by], [...path, by]).entries()) string(text, [...path, by, j]);
  }
}

/** The names of hash algorithms in `hashes` that can be checked here. */
export function knownHashes(hashes: { readonly [algorithm: string]: string }): readonly (readonly [algorithm: string, hex: string])[] {
  return Object.entries(hashes).filter(([algorithm]) => isHashAlgorithm(algorithm));
}

// Where in the document: a list, or a function that makes it when it is needed.
type Path = readonly (string | number)[];
type LazyPath = Path | (() => Path);

function path(at: LazyPath): Path {
  return typeof at === "function" ? at() : at;
}

function record(value: Json | undefined, at: LazyPath): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) fail(at, "is no object");
  return value as JsonObject;
}

function list(value: Json | undefined, at: LazyPath): readonly Json[] {
  if (!Array.isArray(value)) fail(at, "is no list");
  return value as readonly Json[];
}

function string(value: Json | undefined, at: LazyPath): string {
  if (typeof value !== "string") fail(at, "is no string");
  return value;
}

function integer(value: Json | undefined, least: number, at: LazyPath): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least) fail(at, `is no integer of at least ${least}`);
  return value;
}

function member(value: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

function fail(at: LazyPath, fault: string): never {
  const place = path(at);
  throw new TufError("document-field", `${where(place)} ${fault}`, { at: place });
}

function where(at: Path): string {
  if (at.length === 0) return "the document";
  const text = at.join(".");
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}
