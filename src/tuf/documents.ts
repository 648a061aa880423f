// The shapes of TUF metadata, spelled as on the wire (TUF specification section 4).
//
// Unknown fields survive untouched: every interface is open, and what was signed is
// what is stored and served, byte for byte.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

export type TopLevelRole = "root" | "timestamp" | "snapshot" | "targets";

export interface Signature {
  readonly keyid: string;
  /** Lower-case hex as we write it; any case is read. */
  readonly sig: string;
  /** Of a Sigstore key: what `sig` is verified with. */
  readonly bundle?: JsonObject;
}

/** TUF 4.2.2. `keyval.public`: ed25519 64 hex digits, else SPKI PEM; a Sigstore key has `identity` and `issuer` instead. */
export interface Key {
  readonly keytype: string;
  readonly scheme: string;
  readonly keyval: { readonly public: string; readonly [member: string]: Json };
  readonly [member: string]: Json | undefined;
}

export interface RoleKeys {
  readonly keyids: readonly string[];
  readonly threshold: number;
}

interface SignedCommon {
  readonly spec_version: string;
  readonly version: number;
  /** Exactly `YYYY-MM-DDTHH:MM:SSZ` (TUF 4.2.3). */
  readonly expires: string;
}

export interface Root extends SignedCommon {
  readonly _type: "root";
  readonly consistent_snapshot: boolean;
  readonly keys: { readonly [keyid: string]: Key };
  readonly roles: { readonly [role in TopLevelRole]: RoleKeys };
}

export interface FileMeta {
  readonly version: number;
  readonly length?: number;
  readonly hashes?: { readonly [algorithm: string]: string };
}

export interface Timestamp extends SignedCommon {
  readonly _type: "timestamp";
  readonly meta: { readonly "snapshot.json": FileMeta };
}

export interface Snapshot extends SignedCommon {
  readonly _type: "snapshot";
  readonly meta: { readonly [file: string]: FileMeta };
}

export interface TargetFile {
  readonly length: number;
  readonly hashes: { readonly [algorithm: string]: string };
  readonly custom?: JsonObject;
}

export interface DelegatedRole extends RoleKeys {
  readonly name: string;
  readonly terminating: boolean;
  /** Exactly one of the two. */
  readonly paths?: readonly string[];
  readonly path_hash_prefixes?: readonly string[];
}

/** TAP 15. */
export interface SuccinctRoles extends RoleKeys {
  readonly bit_length: number;
  readonly name_prefix: string;
}

export interface Delegations {
  readonly keys: { readonly [keyid: string]: Key };
  readonly roles?: readonly DelegatedRole[];
  readonly succinct_roles?: SuccinctRoles;
}

export interface Targets extends SignedCommon {
  readonly _type: "targets";
  readonly targets: { readonly [path: string]: TargetFile };
  readonly delegations?: Delegations;
}

export type Signed = Root | Timestamp | Snapshot | Targets;
export type SignedOf<T extends Signed["_type"]> = Extract<Signed, { _type: T }>;

export interface Envelope<S extends Signed = Signed> {
  readonly signatures: readonly Signature[];
  readonly signed: S;
}
