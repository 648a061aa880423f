// Written by `npm run openapi` from docs/api/openapi.json. Do not edit.

/** A body that is no JSON, in pieces as they come. */
export type Streamed = AsyncIterable<Uint8Array>;

export interface AddPayload {
  readonly artifacts: readonly Artifact[];
  /** Adds `added_by_task_id` to each artifact's custom */
  readonly add_task_id_to_custom?: boolean;
  /** false: held until POST /api/v1/artifacts/publish/ */
  readonly publish_artifacts?: boolean;
}

export interface Artifact {
  readonly info: ArtifactInfo;
  /** Relative, with `/` between segments; as clients ask for it */
  readonly path: string;
}

export interface ArtifactInfo {
  /** Bytes of the artifact */
  readonly length: number;
  /** Lower-case hex by algorithm; at least one of sha224, sha256, sha384, sha512, their sha3 forms, blake2b-256, blake2b-512, blake2s-256 */
  readonly hashes: Readonly<Record<string, string>>;
  /** Any object without null and fractions; clients see it */
  readonly custom?: Readonly<Record<string, unknown>> | null;
}

export interface ArtifactPage {
  /** In order of path */
  readonly data: readonly ListedArtifact[];
  /** The cursor of the next page; absent on the last one */
  readonly next?: string;
}

export interface ArtifactsAdded {
  readonly data: {
    /** Paths in request order */
    readonly artifacts: readonly string[];
    /** 32 lower-case hexadecimal digits */
    readonly task_id: string;
    /** RFC 3339, UTC */
    readonly last_update: string;
    readonly state?: TaskState;
    readonly result?: TaskResult;
  };
  readonly message: string;
}

export interface ArtifactsPublished {
  readonly data: {
    /** Paths in request order */
    readonly artifacts: readonly string[];
    /** 32 lower-case hexadecimal digits */
    readonly task_id: string;
    /** RFC 3339, UTC */
    readonly last_update: string;
    readonly state?: TaskState;
    readonly result?: TaskResult;
  };
  readonly message: string;
}

export interface ArtifactsRemoved {
  readonly data: {
    /** Paths in request order */
    readonly artifacts: readonly string[];
    /** 32 lower-case hexadecimal digits */
    readonly task_id: string;
    /** RFC 3339, UTC */
    readonly last_update: string;
    readonly state?: TaskState;
    readonly result?: TaskResult;
  };
  readonly message: string;
}

/** Where a repository has custom roles: hash bins for what none of them takes */
export interface BinsBesideRoles {
  /** 2 to 16,384, rounded down to a power of two */
  readonly number_of_delegated_bins: number;
  /** Online keys, each of which may sign; the online key when absent */
  readonly keyids?: readonly string[] | null;
  readonly expiration?: number | null;
}

export interface BinsRole {
  /** Lifetime in days */
  readonly expiration: number;
  /** Rounded down to a power of two */
  readonly number_of_delegated_bins: number;
}

export interface BootstrapGetResponse {
  readonly data: {
    readonly bootstrap: boolean;
    readonly state?: string;
    readonly id?: string;
  };
  readonly message: string;
}

export interface BootstrapPayload {
  readonly settings: {
    /** false: people sign targets, with the keys that root names for it; then it is a signing event beside root, and nothing is published before both are complete */
    readonly targets_online_key?: boolean | null;
    readonly roles: {
      readonly root: SignedRole;
      readonly targets: SignedRole;
      readonly snapshot: Role;
      readonly timestamp: Role;
      readonly bins?: BinsRole | null;
      readonly delegations?: TUFDelegations | null;
    };
  };
  /** The signed root, as `root`; kept exactly as it is. With `targets_online_key` false also the first envelope of `targets`, and of delegated roles that people sign, if a ceremony made and signed them */
  readonly metadata: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Read for compatibility; the service needs no watchdog */
  readonly timeout?: number | null;
}

export interface BootstrapPostResponse {
  readonly data: {
    /** 32 lower-case hexadecimal digits */
    readonly task_id: string;
    /** RFC 3339, UTC */
    readonly last_update: string;
    readonly state?: TaskState;
    readonly result?: TaskResult;
  };
  readonly message: string;
}

export interface ConfigGetResponse {
  readonly data: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export interface DelegationMetadataPutResponse {
  readonly data: {
    /** 32 lower-case hexadecimal digits */
    readonly task_id: string;
    /** RFC 3339, UTC */
    readonly last_update: string;
    readonly state?: TaskState;
    readonly result?: TaskResult;
  };
  readonly message: string;
}

/** A role with what it delegates, in the order in which clients search; or a set of bins, as `bins` */
export interface DelegationNode {
  readonly name?: string;
  readonly kind?: "root" | "targets" | "snapshot" | "timestamp" | "delegated" | "bins";
  /** Absent of a declared role, like `expires` and `length` */
  readonly version?: number;
  readonly expires?: string;
  /** `fresh`; `due`: a third or less of its lifetime is left, it is signed again now (`refresh.atRemainingFraction`); `late`: half of that passed as well; `expired`; `retired`: nobody delegates to it; `declared`: its team signs it elsewhere, and it comes with their first document */
  readonly state?: "fresh" | "due" | "late" | "expired" | "retired" | "declared";
  /** Bytes of its file */
  readonly length?: number;
  /** Absent of a retired role */
  readonly delegated_by?: string;
  readonly threshold?: number;
  readonly keyids?: readonly string[];
  /** Who signs it: this service, people it asks, both together, or a team elsewhere that uploads it */
  readonly signing?: "online" | "offline" | "mixed" | "outside";
  /** So long before it expires people are asked for its next version; absent where this service asks nobody */
  readonly signing_window_seconds?: number;
  readonly paths?: readonly string[];
  readonly terminating?: boolean;
  readonly delegations?: readonly DelegationNode[];
  readonly bins?: {
    readonly prefix?: string;
    readonly count?: number;
    readonly style?: "succinct" | "classic";
    readonly threshold?: number;
    readonly keyids?: readonly string[];
    /** Who signs it: this service, people it asks, both together, or a team elsewhere that uploads it */
    readonly signing?: "online" | "offline" | "mixed" | "outside";
    /** When the first of all bins expires */
    readonly first_expires?: string;
  };
}

export interface DeletePayload {
  readonly artifacts: readonly string[];
  /** false: held until POST /api/v1/artifacts/publish/ */
  readonly publish_artifacts?: boolean;
}

export interface ImportChecked {
  readonly data: {
    /** Lines that are stored; more are sent with `after` this number */
    readonly lines: number;
    /** Of those, lines whose path no role lists */
    readonly invalid_paths: number;
  };
  readonly message: string;
}

export interface ImportState {
  readonly data: {
    /** Lines that are stored; more are sent with `after` this number */
    readonly lines: number;
    /** Of those, lines whose path no role lists */
    readonly invalid_paths: number;
    readonly task_id?: string;
  };
  readonly message: string;
}

export interface ImportSubmitted {
  readonly data: {
    /** Lines that are stored; more are sent with `after` this number */
    readonly lines: number;
    /** Of those, lines whose path no role lists */
    readonly invalid_paths: number;
    /** 32 lower-case hexadecimal digits */
    readonly task_id: string;
    /** RFC 3339, UTC */
    readonly last_update: string;
    readonly state?: TaskState;
    readonly result?: TaskResult;
  };
  readonly message: string;
}

export interface KeyHolder {
  readonly keyid: string;
  /** `x-rstuf-key-name` */
  readonly name?: string;
  readonly keytype?: string;
}

export interface KeyPage {
  /** In order of keyid */
  readonly data: readonly ListedKey[];
  /** The cursor of the next page; absent on the last one */
  readonly next?: string;
}

export interface ListedArtifact {
  readonly path: string;
  /** The role whose metadata lists it */
  readonly role: string;
  /** Of that role now */
  readonly version?: number;
  /** Bytes */
  readonly length: number;
  readonly hashes: Readonly<Record<string, string>>;
  readonly custom?: Readonly<Record<string, unknown>>;
  /** When what it says was published; absent when that was before this was kept */
  readonly published?: string;
}

export interface ListedKey {
  readonly keyid: string;
  readonly keytype: string;
  readonly scheme: string;
  readonly public?: string;
  /** `x-rstuf-key-name` */
  readonly name?: string;
  /** This service signs with it */
  readonly online: boolean;
  /** A set of bins as its prefix and `-*` */
  readonly roles: readonly string[];
}

export interface ListedRole {
  readonly name: string;
  readonly kind: "root" | "targets" | "snapshot" | "timestamp" | "delegated" | "bins";
  /** Absent of a declared role, like `expires` and `length` */
  readonly version?: number;
  readonly expires?: string;
  /** `fresh`; `due`: a third or less of its lifetime is left, it is signed again now (`refresh.atRemainingFraction`); `late`: half of that passed as well; `expired`; `retired`: nobody delegates to it; `declared`: its team signs it elsewhere, and it comes with their first document */
  readonly state: "fresh" | "due" | "late" | "expired" | "retired" | "declared";
  /** Bytes of its file */
  readonly length?: number;
  /** Absent of a retired role */
  readonly delegated_by?: string;
  readonly threshold?: number;
  readonly keyids?: readonly string[];
  /** Who signs it: this service, people it asks, both together, or a team elsewhere that uploads it */
  readonly signing?: "online" | "offline" | "mixed" | "outside";
  /** So long before it expires people are asked for its next version; absent where this service asks nobody */
  readonly signing_window_seconds?: number;
}

export interface ListedTask {
  readonly task_id: string;
  /** What the task does */
  readonly task: "bootstrap" | "add_artifacts" | "remove_artifacts" | "import_artifacts" | "publish_artifacts" | "update_settings" | "force_online_metadata_update" | "metadata_update" | "metadata_delegation" | "sign_metadata" | "delete_sign_metadata";
  readonly state: "PENDING" | "RUNNING" | "SUCCESS" | "ERRORED" | "FAILURE";
  /** Its artifacts wait for a publish request */
  readonly held?: boolean;
  readonly created: string;
  readonly ended?: string;
  /** Cut at 300 characters, as `error` is; GET /api/v1/task/ has all of it */
  readonly message?: string;
  readonly error?: string;
}

export interface MetadataDelegationDeletePayload {
  readonly delegations: {
    readonly roles: readonly MetadataDelegationDeleteRole[];
  };
}

export interface MetadataDelegationDeletePostResponse {
  readonly data: {
    /** 32 lower-case hexadecimal digits */
    readonly task_id: string;
    /** RFC 3339, UTC */
    readonly last_update: string;
    readonly state?: TaskState;
    readonly result?: TaskResult;
  };
  readonly message: string;
}

export interface MetadataDelegationDeleteRole {
  readonly name: string;
}

export interface MetadataDelegationPostResponse {
  readonly data: {
    /** 32 lower-case hexadecimal digits */
    readonly task_id: string;
    /** RFC 3339, UTC */
    readonly last_update: string;
    readonly state?: TaskState;
    readonly result?: TaskResult;
  };
  readonly message: string;
}

export interface MetadataDelegationPutResponse {
  readonly data: {
    /** 32 lower-case hexadecimal digits */
    readonly task_id: string;
    /** RFC 3339, UTC */
    readonly last_update: string;
    readonly state?: TaskState;
    readonly result?: TaskResult;
  };
  readonly message: string;
}

export interface MetadataDelegationsPayload {
  readonly delegations: TUFDelegations;
}

export interface MetadataOnlinePostPayload {
  /** snapshot, timestamp, targets, bins; empty for all */
  readonly roles: readonly string[];
}

export interface MetadataOnlinePostResponse {
  readonly data: {
    /** 32 lower-case hexadecimal digits */
    readonly task_id: string;
    /** RFC 3339, UTC */
    readonly last_update: string;
    readonly state?: TaskState;
    readonly result?: TaskResult;
  };
  readonly message: string;
}

export interface MetadataPostPayload {
  /** The new root, as `root`, with the signatures there are; kept exactly as it is */
  readonly metadata: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** false: the new root gives targets to people, who sign its next version beside the root; not needed again once they do */
  readonly targets_online_key?: boolean | null;
  /** The online keys are compromised: timestamp, snapshot and targets get new keys at once, without the overlap that spares clients on their way. Every old online key must be gone from the root */
  readonly compromised?: boolean | null;
}

export interface MetadataPostResponse {
  readonly data: {
    /** 32 lower-case hexadecimal digits */
    readonly task_id: string;
    /** RFC 3339, UTC */
    readonly last_update: string;
    readonly state?: TaskState;
    readonly result?: TaskResult;
  };
  readonly message: string;
}

export interface MetadataSignDeletePayload {
  readonly role: string;
}

export interface MetadataSignDeletePostResponse {
  readonly data: {
    /** 32 lower-case hexadecimal digits */
    readonly task_id: string;
    /** RFC 3339, UTC */
    readonly last_update: string;
    readonly state?: TaskState;
    readonly result?: TaskResult;
  };
  readonly message: string;
}

export interface MetadataSignGetResponse {
  readonly data?: {
    readonly metadata: Readonly<Record<string, unknown>>;
  };
  readonly message: string;
}

export interface MetadataSignPostPayload {
  /** The whole name, in its own case */
  readonly role: string;
  readonly signature: TUFSignatures;
}

export interface MetadataSignPostResponse {
  readonly data: {
    /** 32 lower-case hexadecimal digits */
    readonly task_id: string;
    /** RFC 3339, UTC */
    readonly last_update: string;
    readonly state?: TaskState;
    readonly result?: TaskResult;
  };
  readonly message: string;
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What is wrong and what to do, in words */
  readonly detail: string;
  /** Stable: for programs */
  readonly code: string;
  /** Of a 422: every fault */
  readonly errors?: readonly {
    readonly type: string;
    readonly loc: readonly (string | number)[];
    readonly msg: string;
    /** The value, cut at 200 characters */
    readonly input?: unknown;
    readonly ctx?: Readonly<Record<string, unknown>>;
    readonly code?: string;
  }[];
}

export interface PutPayload {
  readonly settings: {
    /** Days by role name */
    readonly expiration: Readonly<Record<string, number>>;
    /** Days before they expire from which people are asked for the next versions of root, targets and delegated roles, by role name; null: as the configuration says */
    readonly signing_window?: Readonly<Record<string, number | null>> | null;
  };
}

export interface PutResponse {
  readonly data: {
    /** 32 lower-case hexadecimal digits */
    readonly task_id: string;
    /** RFC 3339, UTC */
    readonly last_update: string;
    readonly state?: TaskState;
    readonly result?: TaskResult;
  };
  readonly message: string;
}

export interface Refusal {
  readonly detail: {
    readonly message?: string;
    readonly error?: string;
  } | string | readonly {
    readonly type: string;
    readonly loc: readonly (string | number)[];
    readonly msg: string;
    /** The value, cut at 200 characters */
    readonly input?: unknown;
    readonly ctx?: Readonly<Record<string, unknown>>;
    readonly code?: string;
  }[];
  readonly code: string;
}

export interface ResizeBinsPayload {
  /** 2 to 16,384, rounded down to a power of two; as many as there are when absent */
  readonly number_of_delegated_bins?: number | null;
  /** Online keys that sign the bins from now on, each alone; empty: the online key; absent: those they have */
  readonly keyids?: readonly string[] | null;
  /** Those of keyids that the repository does not hold yet */
  readonly keys?: Readonly<Record<string, TUFKeys>> | null;
  /** The custom role whose bins they are; the repository's own when absent */
  readonly role?: string | null;
}

export interface ResizeBinsPutResponse {
  readonly data: {
    /** 32 lower-case hexadecimal digits */
    readonly task_id: string;
    /** RFC 3339, UTC */
    readonly last_update: string;
    readonly state?: TaskState;
    readonly result?: TaskResult;
  };
  readonly message: string;
}

export interface Role {
  /** Lifetime in days */
  readonly expiration: number;
}

export interface RoleDetail {
  readonly name: string;
  readonly kind: "root" | "targets" | "snapshot" | "timestamp" | "delegated" | "bins";
  /** Absent of a declared role, like `expires` and `length` */
  readonly version?: number;
  readonly expires?: string;
  /** `fresh`; `due`: a third or less of its lifetime is left, it is signed again now (`refresh.atRemainingFraction`); `late`: half of that passed as well; `expired`; `retired`: nobody delegates to it; `declared`: its team signs it elsewhere, and it comes with their first document */
  readonly state: "fresh" | "due" | "late" | "expired" | "retired" | "declared";
  /** Bytes of its file */
  readonly length?: number;
  /** Absent of a retired role */
  readonly delegated_by?: string;
  readonly threshold?: number;
  readonly keyids?: readonly string[];
  /** Who signs it: this service, people it asks, both together, or a team elsewhere that uploads it */
  readonly signing?: "online" | "offline" | "mixed" | "outside";
  /** So long before it expires people are asked for its next version; absent where this service asks nobody */
  readonly signing_window_seconds?: number;
  /** Of its next version */
  readonly lifetime_seconds: number;
  readonly sha256?: string;
  readonly paths?: readonly string[];
  readonly terminating?: boolean;
  readonly artifacts: {
    readonly count: number;
    /** There are more; counting ended there */
    readonly more: boolean;
  };
}

export interface RolePage {
  /** In order of name */
  readonly data: readonly ListedRole[];
  /** The cursor of the next page; absent on the last one */
  readonly next?: string;
}

export interface RootPage {
  /** Newest first */
  readonly data: readonly RootVersion[];
  /** The cursor of the next page; absent on the last one */
  readonly next?: string;
}

export interface RootVersion {
  readonly version: number;
  readonly expires: string;
  readonly threshold: number;
  readonly keyids: readonly string[];
  /** Keys whose signatures count: its own, and those of the root before */
  readonly signed_by: readonly string[];
  /** What it changed, in words */
  readonly changes: readonly string[];
}

export interface SignedRole {
  /** Lifetime in days */
  readonly expiration: number;
  readonly signing_window?: number | null;
}

export interface SigningDemand {
  /** `old`: the root in force; `new`: the document itself, or who delegates to the role */
  readonly by: "old" | "new";
  readonly threshold: number;
  /** How many more must sign */
  readonly needed: number;
  readonly signed: readonly KeyHolder[];
  /** Who may sign, and did not */
  readonly missing: readonly KeyHolder[];
}

export interface SigningEvent {
  readonly id: string;
  readonly role: string;
  readonly kind: "bootstrap" | "root" | "delegated";
  readonly version: number;
  /** `open`: signatures are taken; `frozen`: enough have signed, it is being published; `cancelled`: stopped or given up, it goes when those who signed are told */
  readonly state: "open" | "frozen" | "cancelled";
  /** Why it was given up */
  readonly reason?: string;
  readonly started: string;
  /** `artifacts`: some wait to be listed or removed; `expiry`: by itself, for the version in force nears its end */
  readonly started_by: "request" | "artifacts" | "expiry";
  /** Of the request */
  readonly task_id?: string;
  /** Roles whose documents must be signed, too, and are published together with it */
  readonly published_with: readonly string[];
  readonly expires: string;
  readonly deadline: string;
  /** The version in force; absent when it is the first */
  readonly replaces?: {
    readonly version: number;
    readonly expires: string;
  };
  /** `mixed`: this service adds its signature when enough people have signed */
  readonly signing: "offline" | "mixed";
  /** Enough people have signed */
  readonly complete: boolean;
  /** Each must be met */
  readonly demands: readonly SigningDemand[];
  /** Of the bytes that are signed: compare it with the others before you sign */
  readonly sha256: string;
}

export interface SigningEventDetail {
  readonly id: string;
  readonly role: string;
  readonly kind: "bootstrap" | "root" | "delegated";
  readonly version: number;
  /** `open`: signatures are taken; `frozen`: enough have signed, it is being published; `cancelled`: stopped or given up, it goes when those who signed are told */
  readonly state: "open" | "frozen" | "cancelled";
  /** Why it was given up */
  readonly reason?: string;
  readonly started: string;
  /** `artifacts`: some wait to be listed or removed; `expiry`: by itself, for the version in force nears its end */
  readonly started_by: "request" | "artifacts" | "expiry";
  /** Of the request */
  readonly task_id?: string;
  /** Roles whose documents must be signed, too, and are published together with it */
  readonly published_with: readonly string[];
  readonly expires: string;
  readonly deadline: string;
  /** The version in force; absent when it is the first */
  readonly replaces?: {
    readonly version: number;
    readonly expires: string;
  };
  /** `mixed`: this service adds its signature when enough people have signed */
  readonly signing: "offline" | "mixed";
  /** Enough people have signed */
  readonly complete: boolean;
  /** Each must be met */
  readonly demands: readonly SigningDemand[];
  /** Of the bytes that are signed: compare it with the others before you sign */
  readonly sha256: string;
  /** What it changes against the version in force, a sentence each */
  readonly changes: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly in_force?: Readonly<Record<string, unknown>>;
  /** The text that is signed: UTF-8, exactly these characters */
  readonly bytes: string;
}

export interface SigningEventPage {
  /** Oldest first */
  readonly data: readonly SigningEvent[];
  /** The cursor of the next page; absent on the last one */
  readonly next?: string;
}

export interface TUFDelegations {
  readonly keys: Readonly<Record<string, TUFKeys>>;
  readonly roles: readonly TUFSignedDelegationsRoles[];
  readonly bins?: BinsBesideRoles | null;
}

export interface TUFKeys {
  readonly keytype: string;
  readonly scheme: string;
  readonly keyval: Readonly<Record<string, string>>;
  readonly name?: string | null;
  readonly "x-rstuf-key-name"?: string | null;
  readonly "x-rstuf-online-key-uri"?: string | null;
}

export interface TUFSignatures {
  readonly keyid: string;
  /** Hexadecimal */
  readonly sig: string;
  readonly bundle?: Readonly<Record<string, unknown>> | null;
}

export interface TUFSignedDelegationsRoles {
  /** Letters, digits, - and _; no top-level name, not digits alone, unlike all others, case aside */
  readonly name: string;
  /** Whether a client that finds nothing here stops looking */
  readonly terminating: boolean;
  /** Empty: the online key */
  readonly keyids: readonly string[];
  readonly threshold: number;
  /** Patterns of literal text, * and ?, which do not cross / */
  readonly paths: readonly string[];
  readonly path_hash_prefixes?: readonly string[] | null;
  /** Lifetime in days; that of targets when absent */
  readonly "x-rstuf-expire-policy"?: number | null;
  /** The custom role that delegates to it; targets when absent. Its paths count as far as the parent takes them */
  readonly parent?: string | null;
  /** `outside`: a team signs it elsewhere and uploads it (PUT /api/v1/delegations/{role}/metadata); the change comes with its next document. As before when absent; `service` for a new role */
  readonly signing?: "outside" | "service" | null;
  readonly signing_window?: number | null;
  /** 2 to 16,384: what it takes is listed in so many hash bins of its own, rounded down to a power of two */
  readonly bins?: number | null;
}

export interface TaskPage {
  /** Newest first */
  readonly data: readonly ListedTask[];
  /** The cursor of the next page; absent on the last one */
  readonly next?: string;
}

export interface TaskResponse {
  readonly data: {
    readonly task_id: string;
    readonly state: TaskState;
    readonly result?: TaskResult;
  };
  readonly message: string;
}

export interface TaskResult {
  readonly message?: string;
  readonly error?: string;
  /** true: success, false: refused */
  readonly status?: boolean;
  /** What the task does */
  readonly task?: string;
  /** RFC 3339, UTC */
  readonly last_update?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export type TaskState = "PENDING" | "RECEIVED" | "STARTED" | "SUCCESS" | "FAILURE" | "REVOKED" | "REJECTED" | "RETRY" | "IGNORED" | "ERRORED" | "PRE_RUN" | "RUNNING";

/** Every operation by method and path: what it takes and what it answers when it succeeds. */
export interface Operations {
  /** Check the bootstrap status. */
  readonly "GET /api/v1/bootstrap/": {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly answer: BootstrapGetResponse;
  };
  /** Post a task to bootstrap the system with initial signed Metadata. */
  readonly "POST /api/v1/bootstrap/": {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: BootstrapPayload;
    readonly answer: BootstrapPostResponse;
  };
  /** List settings. */
  readonly "GET /api/v1/config/": {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly answer: ConfigGetResponse;
  };
  /** Put a task to update settings. */
  readonly "PUT /api/v1/config/": {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: PutPayload;
    readonly answer: PutResponse;
  };
  /** Force a new version of online metadata role(s). */
  readonly "POST /api/v1/metadata/online": {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: MetadataOnlinePostPayload;
    readonly answer: MetadataOnlinePostResponse;
  };
  /** Get all metadata roles pending signatures together with their latest trusted versions. */
  readonly "GET /api/v1/metadata/sign": {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly answer: MetadataSignGetResponse;
  };
  /** Add a signature to metadata that waits for it. */
  readonly "POST /api/v1/metadata/sign": {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: MetadataSignPostPayload;
    readonly answer: MetadataSignPostResponse;
  };
  /** Post a task to create a new delegation. */
  readonly "POST /api/v1/delegations/": {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: MetadataDelegationsPayload;
    readonly answer: MetadataDelegationPostResponse;
  };
  /** Put a task to update delegation(s). */
  readonly "PUT /api/v1/delegations/": {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: MetadataDelegationsPayload;
    readonly answer: MetadataDelegationPutResponse;
  };
  /** Get the delegation tree. */
  readonly "GET /api/v1/delegations/": {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly answer: DelegationNode;
  };
  /** Post a task to create a delete delegation. */
  readonly "POST /api/v1/delegations/delete": {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: MetadataDelegationDeletePayload;
    readonly answer: MetadataDelegationDeletePostResponse;
  };
  /** Upload the next version of a role that is signed elsewhere. */
  readonly "PUT /api/v1/delegations/{role}/metadata": {
    readonly path: {
      /** The whole name, in its own case */
      readonly role: string;
    };
    readonly query: undefined;
    readonly body: Readonly<Record<string, unknown>>;
    readonly answer: DelegationMetadataPutResponse;
  };
  /** Put a task to change the number of hash bins, or their keys. */
  readonly "PUT /api/v1/delegations/bins": {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: ResizeBinsPayload;
    readonly answer: ResizeBinsPutResponse;
  };
  /** Post a new version of root. */
  readonly "POST /api/v1/metadata/": {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: MetadataPostPayload;
    readonly answer: MetadataPostResponse;
  };
  /** Stop collecting signatures for a role. */
  readonly "POST /api/v1/metadata/sign/delete": {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: MetadataSignDeletePayload;
    readonly answer: MetadataSignDeletePostResponse;
  };
  /** Post a task to add artifacts to Metadata. */
  readonly "POST /api/v1/artifacts/": {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: AddPayload;
    readonly answer: ArtifactsAdded;
  };
  /** List artifacts. */
  readonly "GET /api/v1/artifacts/": {
    readonly path: undefined;
    readonly query: {
      /** Exactly this path */
      readonly path?: string;
      /** Paths that begin so */
      readonly prefix?: string;
      /** Those this role lists */
      readonly role?: string;
      /** The most entries of one page */
      readonly limit?: number;
      /** `next` of the page before; the first page has none */
      readonly cursor?: string;
    };
    readonly body: undefined;
    readonly answer: ArtifactPage;
  };
  /** Post a task to remove artifacts from Metadata. */
  readonly "POST /api/v1/artifacts/delete": {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: DeletePayload;
    readonly answer: ArtifactsRemoved;
  };
  /** Post a task to publish artifacts. */
  readonly "POST /api/v1/artifacts/publish/": {
    readonly path: undefined;
    readonly query: undefined;
    readonly body: undefined;
    readonly answer: ArtifactsPublished;
  };
  /** Import any number of artifacts, one per line. */
  readonly "POST /api/v1/artifacts/import": {
    readonly path: undefined;
    readonly query: {
      /** Line 1 of this body is line `after` + 1 of the import; lines that are stored already are skipped */
      readonly after?: number;
      /** Check every line and keep nothing */
      readonly dry_run?: boolean;
    };
    readonly body: Streamed;
    readonly answer: ImportChecked | ImportSubmitted;
  };
  /** How far an import is. */
  readonly "GET /api/v1/artifacts/import": {
    readonly path: undefined;
    readonly query: {
      /** The Idempotency-Key it was sent with */
      readonly key: string;
    };
    readonly body: undefined;
    readonly answer: ImportState;
  };
  /** Get task state. */
  readonly "GET /api/v1/task/": {
    readonly path: undefined;
    readonly query: {
      /** As answered when the request was accepted */
      readonly task_id: string;
    };
    readonly body: undefined;
    readonly answer: TaskResponse;
  };
  /** List tasks. */
  readonly "GET /api/v1/tasks": {
    readonly path: undefined;
    readonly query: {
      /** What the task does */
      readonly task?: "bootstrap" | "add_artifacts" | "remove_artifacts" | "import_artifacts" | "publish_artifacts" | "update_settings" | "force_online_metadata_update" | "metadata_update" | "metadata_delegation" | "sign_metadata" | "delete_sign_metadata";
      /** `open`: PENDING or RUNNING; `ended`: all others */
      readonly state?: "PENDING" | "RUNNING" | "SUCCESS" | "ERRORED" | "FAILURE" | "open" | "ended";
      /** Accepted then or later */
      readonly created_from?: string;
      /** Accepted earlier than that */
      readonly created_before?: string;
      /** The most entries of one page */
      readonly limit?: number;
      /** `next` of the page before; the first page has none */
      readonly cursor?: string;
    };
    readonly body: undefined;
    readonly answer: TaskPage;
  };
  /** List roles. */
  readonly "GET /api/v1/roles": {
    readonly path: undefined;
    readonly query: {
      readonly kind?: "root" | "targets" | "snapshot" | "timestamp" | "delegated" | "bins";
      /** `fresh`; `due`: a third or less of its lifetime is left, it is signed again now (`refresh.atRemainingFraction`); `late`: half of that passed as well; `expired`; `retired`: nobody delegates to it; `declared`: its team signs it elsewhere, and it comes with their first document */
      readonly state?: "fresh" | "due" | "late" | "expired" | "retired" | "declared";
      /** The most entries of one page */
      readonly limit?: number;
      /** `next` of the page before; the first page has none */
      readonly cursor?: string;
    };
    readonly body: undefined;
    readonly answer: RolePage;
  };
  /** Get one role. */
  readonly "GET /api/v1/roles/{name}": {
    readonly path: {
      /** The whole name, in its own case */
      readonly name: string;
    };
    readonly query: undefined;
    readonly body: undefined;
    readonly answer: RoleDetail;
  };
  /** List the versions of root. */
  readonly "GET /api/v1/roots": {
    readonly path: undefined;
    readonly query: {
      /** The most entries of one page */
      readonly limit?: number;
      /** `next` of the page before; the first page has none */
      readonly cursor?: string;
    };
    readonly body: undefined;
    readonly answer: RootPage;
  };
  /** List the public keys in force. */
  readonly "GET /api/v1/keys": {
    readonly path: undefined;
    readonly query: {
      /** The most entries of one page */
      readonly limit?: number;
      /** `next` of the page before; the first page has none */
      readonly cursor?: string;
    };
    readonly body: undefined;
    readonly answer: KeyPage;
  };
  /** List what waits for signatures of people. */
  readonly "GET /api/v1/signing-events": {
    readonly path: undefined;
    readonly query: {
      readonly role?: string;
      /** `open`: signatures are taken; `frozen`: enough have signed, it is being published; `cancelled`: stopped or given up, it goes when those who signed are told */
      readonly state?: "open" | "frozen" | "cancelled";
      /** The most entries of one page */
      readonly limit?: number;
      /** `next` of the page before; the first page has none */
      readonly cursor?: string;
    };
    readonly body: undefined;
    readonly answer: SigningEventPage;
  };
  /** Get one document that waits for signatures. */
  readonly "GET /api/v1/signing-events/{id}": {
    readonly path: {
      readonly id: string;
    };
    readonly query: undefined;
    readonly body: undefined;
    readonly answer: SigningEventDetail;
  };
  /** Follow what happens. */
  readonly "GET /api/v1/events": {
    readonly path: undefined;
    readonly query: {
      /** Go on after the event with that id; `0` begins with the oldest that is kept. The header `Last-Event-ID` comes first. Without either: what happens from now on */
      readonly after?: string;
      /** Only these, with commas between: published, task-finished, signing-required, role-expiring, failed, resumed */
      readonly events?: string;
    };
    readonly body: undefined;
    readonly answer: Streamed;
  };
}
