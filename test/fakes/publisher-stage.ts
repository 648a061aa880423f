// A publisher on fakes, ready to be driven turn by turn, with a repository in memory.

import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import type { NewChange, TaskKind, TaskRow } from "../../src/ports/database.ts";
import type { PublisherDeps, PublisherPolicy } from "../../src/publisher/deps.ts";
import { Publisher } from "../../src/publisher/publisher.ts";
import { composeRoot } from "../../src/roles/root.ts";
import { belowIn, NESTED } from "../../src/roles/below.ts";
import { ownerOf, delegationTreeOf } from "../../src/roles/delegation.ts";
import { canonicalize } from "../../src/tuf/canonical.ts";
import type { Json, Key } from "../../src/tuf/documents.ts";
import { keyidOf } from "../../src/tuf/keys.ts";
import { formatExpires, parseEnvelope } from "../../src/tuf/parse.ts";
import { verifyThreshold } from "../../src/tuf/threshold.ts";
import { createFakeClock, createFakeRandom, type FakeClock } from "./clock.ts";
import { createMemoryDatabase, type MemoryDatabase } from "./database.ts";
import { createMemorySigners, type MemorySigners } from "./signer.ts";
import { createMemoryStorage, type MemoryStorage } from "./storage.ts";
import { createMemoryTelemetry, type MemoryTelemetry } from "./telemetry.ts";

export const START = Date.UTC(2030, 0, 1);
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

export const TEST_POLICY: PublisherPolicy = {
  minIntervalMs: 0,
  maxBatchChanges: 20_000,
  maxBatchBytes: 64 * 1024 * 1024,
  leaseMs: 15_000,
  share: { fromRoles: 0, mostRoles: 512 },
  foldBehindFrom: 64,
  lingerMs: 0,
  refresh: { atRemainingFraction: 1 / 3, jitterFraction: 0.1, marginMs: HOUR_MS, tickMs: HOUR_MS },
  edgeStaleMs: DAY_MS,
  keep: { tasksMs: 30 * DAY_MS, committedMs: 30 * DAY_MS, idempotencyMs: DAY_MS, noticesMs: 7 * DAY_MS, mostNotices: 100_000 },
  signingWindows: { defaultMs: 14 * DAY_MS, rootMs: 0 },
  settleMs: 60_000,
  snapshotHashes: "delegated",
  binsStyle: "succinct",
  allowUnportableKeys: false,
};

export interface Stage {
  readonly deps: PublisherDeps;
  readonly clock: FakeClock;
  readonly database: MemoryDatabase;
  readonly storage: MemoryStorage;
  readonly signers: MemorySigners;
  readonly telemetry: MemoryTelemetry;
  publisher: Publisher;
  /** Another publisher over the same world. */
  newPublisher(policy?: Partial<PublisherPolicy>): Publisher;
  /** The root's file, for clients. */
  readonly root: Buffer;
  readonly online: Key;
  /** Accepts a bootstrap with that many bins and publishes it. */
  bootstrap(bins: number, days?: Partial<Record<"root" | "targets" | "snapshot" | "timestamp" | "bins", number>>): Promise<string>;
  add(paths: readonly string[], options?: { readonly held?: boolean; readonly length?: number }): Promise<string>;
  remove(paths: readonly string[]): Promise<string>;
  releaseHeld(): Promise<string>;
  refresh(roles: readonly string[]): Promise<string>;
  /** Turns until nothing is left to do. */
  settle(): Promise<void>;
  task(id: string): Promise<TaskRow>;
}

export interface StageOptions {
  readonly policy?: Partial<PublisherPolicy>;
  readonly startMs?: number;
  readonly rootDays?: number;
  /** How long the storage asks for between two timestamps. */
  readonly minReplaceMs?: number;
  /** The root to begin with; its online key is given. */
  readonly root?: (online: Key) => object;
  /** What it published, and its online key, with an empty database; the same clock. */
  readonly former?: Pick<Stage, "storage" | "signers" | "clock" | "root" | "online">;
}

export function createPublisherStage(options: StageOptions = {}): Stage {
  const { former } = options;
  const clock = former?.clock ?? createFakeClock(options.startMs ?? START);
  const random = createFakeRandom(former === undefined ? 1 : 2);
  const database = createMemoryDatabase({ now: () => clock.now() });
  const storage = former?.storage ?? createMemoryStorage({ minReplaceMs: options.minReplaceMs ?? 0 });
  const signers = former?.signers ?? createMemorySigners();
  const telemetry = createMemoryTelemetry();
  const deps: PublisherDeps = { database, storage, signers, verify: verifyThreshold, clock, random, telemetry, policy: { ...TEST_POLICY, ...options.policy } };
  const online = former?.online ?? signers.addEd25519("fn:online");
  const root = former !== undefined ? former.root : options.root !== undefined ? Buffer.from(JSON.stringify(options.root(online))) : signedRoot(online, clock.now() + (options.rootDays ?? 3650) * DAY_MS);
  const limits = { changes: 1_000_000, bytes: 1_000_000_000 };

  const accept = async (kind: TaskKind, changes: readonly NewChange[], more: { held?: boolean; releaseHeld?: boolean; roles?: readonly string[] } = {}): Promise<string> => {
    const id = random.hex(16);
    const paths = changes.filter((change) => change.path !== "").map((change) => change.path);
    const roles = more.roles ?? [...new Set(changes.map((change) => change.role))];
    await database.accept({ task: { id, kind, createdMs: clock.now(), request: { ...(paths.length === 0 ? {} : { paths }), roles } }, changes, held: more.held ?? false, releaseHeld: more.releaseHeld ?? false, limits });
    return id;
  };
  const owner = async (path: string): Promise<string> => {
    const targets = await database.envelope("targets");
    return targets === undefined ? "" : (ownerOf(delegationTreeOf(parseEnvelope(targets.bytes, "targets").signed, belowIn(await database.setting(NESTED))), path) ?? "");
  };

  const stage: Stage = {
    deps,
    clock,
    database,
    storage,
    signers,
    telemetry,
    root,
    online,
    publisher: new Publisher(deps),
    newPublisher: (policy = {}) => new Publisher({ ...deps, policy: { ...deps.policy, ...policy } }),

    async bootstrap(bins, days = {}) {
      const id = random.hex(16);
      const expiration = { root: 365, targets: 365, snapshot: 1, timestamp: 1, bins: 7, ...days };
      const roles = Object.fromEntries(Object.entries(expiration).map(([role, value]) => [role, { expiration: value, ...(role === "bins" ? { number_of_delegated_bins: bins } : {}) }]));
      const payload = { settings: { roles }, metadata: { root: JSON.parse(root.toString()) as Record<string, never> } };
      await database.accept({
        task: { id, kind: "bootstrap", createdMs: clock.now(), request: {} },
        changes: [],
        held: false,
        settings: { bootstrap: `pre-${id}`, bootstrap_request: payload },
        expectBootstrap: { was: undefined },
        limits,
      });
      if (!(await stage.publisher.takeOver())) throw new Error("the lease is taken");
      await stage.settle();
      return id;
    },
    async add(paths, { held = false, length = 1 } = {}) {
      const fragment = `{"hashes":{"sha256":"${"ab".repeat(32)}"},"length":${String(length)}}`;
      return accept("add_artifacts", await Promise.all(paths.map(async (path) => ({ kind: "add" as const, role: await owner(path), path, fragment }))), { held });
    },
    async remove(paths) {
      return accept("remove_artifacts", await Promise.all(paths.map(async (path) => ({ kind: "remove" as const, role: await owner(path), path, fragment: "" }))));
    },
    releaseHeld: () => accept("publish_artifacts", [{ kind: "refresh", role: "", path: "", fragment: "" }], { releaseHeld: true }),
    refresh: (roles) => accept("force_online_metadata_update", roles.map((role) => ({ kind: "refresh", role, path: "", fragment: "" })), { roles }),
    async settle() {
      while (await stage.publisher.turn());
    },
    async task(id) {
      const task = await database.getTask(id);
      if (task === undefined) throw new Error(`no task ${id}`);
      return task;
    },
  };
  return stage;
}

export function signedRoot(online: Key, expiresMs: number): Buffer {
  const { privateKey } = generateKeyPairSync("ed25519");
  const rootKey: Key = { keytype: "ed25519", scheme: "ed25519", keyval: { public: publicHex(privateKey) } };
  const document = composeRoot({
    version: 1,
    expires: formatExpires(expiresMs),
    root: { keys: { [keyidOf(rootKey)]: rootKey }, threshold: 1 },
    online: { keyid: keyidOf(online), key: online },
  });
  const sig = sign(null, canonicalize(document as unknown as Json), privateKey).toString("hex");
  return Buffer.from(JSON.stringify({ signatures: [{ keyid: keyidOf(rootKey), sig }], signed: document }));
}

function publicHex(privateKey: KeyObject): string {
  return Buffer.from(privateKey.export({ format: "jwk" }).x ?? "", "base64url").toString("hex");
}
