// A repository of custom delegations: the API and a publisher over one state in memory, and
// clients that read what is published, fresh ones and returning ones.

import assert from "node:assert/strict";
import { createPublicKey as createPublic, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { Updater } from "tuf-js";
import { Client } from "../../src/client/client.ts";
import { fsck } from "../../src/fsck/fsck.ts";
import { filesOfStorage } from "../../src/fsck/files.ts";
import { canonicalize } from "../../src/tuf/canonical.ts";
import type { Json, Key, Targets } from "../../src/tuf/documents.ts";
import { keyidOf } from "../../src/tuf/keys.ts";
import { parseEnvelope } from "../../src/tuf/parse.ts";
import { createTestApi, HEADERS } from "../contract/api/fixture.ts";
import { createMemoryCache } from "../fakes/client-storage.ts";
import { createMemoryFetcher } from "../fakes/fetcher.ts";
import { createPublisherStage, type Stage, type StageOptions } from "../fakes/publisher-stage.ts";
import { openWebServer } from "../fakes/web-server.ts";

export interface Answer {
  readonly status: number;
  readonly body: {
    readonly data?: { readonly task_id?: string; readonly metadata?: Readonly<Record<string, Pending>> };
    readonly detail?: { readonly error?: string } | readonly { readonly loc: readonly (string | number)[]; readonly msg: string; readonly code?: string }[];
  };
}

/** What waits for signatures. */
export interface Pending {
  readonly signatures: readonly { readonly keyid: string }[];
  readonly signed: { readonly version: number; readonly targets?: Readonly<Record<string, unknown>> };
}

export interface Details {
  readonly delegated_roles?: readonly string[];
  readonly failed_roles?: readonly { readonly role: string; readonly reason: string }[];
  readonly [member: string]: unknown;
}

export interface Ended {
  readonly state: string;
  readonly message: string;
  readonly error?: string;
  readonly details: Details;
}

/** A role of a request. */
export interface Role {
  readonly name: string;
  readonly paths: readonly string[];
  readonly terminating?: boolean;
  readonly keyids?: readonly string[];
  readonly threshold?: number;
  readonly days?: number;
  readonly parent?: string;
  readonly bins?: number;
  readonly signing_window?: number;
}

export interface World {
  readonly stage: Stage;
  /** A Buffer is sent as it is. */
  request(method: "GET" | "POST" | "PUT", path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** The request is accepted, and its task ends. */
  ended(method: "POST" | "PUT", path: string, body: unknown): Promise<Ended>;
  bootstrap(roles: readonly Role[], keys?: Readonly<Record<string, Key>>, bins?: number): Promise<Ended>;
  add(...paths: readonly string[]): Promise<Ended>;
  delegate(roles: readonly Role[], keys?: Readonly<Record<string, Key>>, bins?: number): Promise<Ended>;
  update(roles: readonly Role[], keys?: Readonly<Record<string, Key>>): Promise<Ended>;
  remove(...names: readonly string[]): Promise<Ended>;
  /** The roles that list `paths`, as a client finds them. */
  owners(...paths: readonly string[]): Promise<readonly (string | undefined)[]>;
  /** Top-level targets as published. */
  targets(): Targets;
  /** What clients find of `paths`: a new one of ours each time. */
  found(...paths: readonly string[]): Promise<readonly string[]>;
  /** One of ours that keeps its cache. */
  returning(): { found(...paths: readonly string[]): Promise<readonly string[]> };
  /** Throws unless everything published is as it must be. */
  fsck(): Promise<void>;
}

const binsOf = (count: number | undefined): object => (count === undefined ? {} : { bins: { number_of_delegated_bins: count } });

const WEB = "http://repository.test/metadata/";

export const wanted = ({ name, paths, terminating = true, keyids = [], threshold = 1, days = 7, ...nested }: Role): Record<string, unknown> =>
  ({ name, terminating, keyids, threshold, paths, "x-rstuf-expire-policy": days, ...nested });

export async function createWorld(options: StageOptions = {}): Promise<World> {
  const stage = createPublisherStage(options);
  const { app } = await createTestApi({ given: "fresh", deps: { database: stage.database, clock: stage.clock } });
  await stage.publisher.takeOver();
  const fetcher = createMemoryFetcher();
  const serve = (): void => {
    fetcher.web.clear();
    for (const name of stage.storage.names()) fetcher.web.set(WEB + name, stage.storage.peek(name)!);
  };
  const client = (cache = createMemoryCache()): Client => new Client({ metadataUrl: WEB, trust: { root: stage.root }, fetcher, cache, clock: stage.clock });
  const findAll = async (one: Client, paths: readonly string[]): Promise<string[]> => {
    serve();
    await one.refresh();
    const found: string[] = [];
    for (const path of paths) if ((await one.find(path)) !== undefined) found.push(path);
    return found;
  };

  const world: World = {
    stage,
    async request(method, path, body, more = {}) {
      const response = await app.inject({ method, url: path, headers: { ...HEADERS, ...more, ...(Buffer.isBuffer(body) ? { "content-type": "application/json" } : {}) }, ...(body === undefined ? {} : { payload: body as object }) });
      return { status: response.statusCode, body: response.json<Answer["body"]>() };
    },
    async ended(method, path, body) {
      const { status, body: answer } = await world.request(method, path, body);
      assert.equal(status, 202, JSON.stringify(answer));
      await stage.settle();
      const { body: task } = await world.request("GET", `/api/v1/task/?task_id=${answer.data?.task_id ?? ""}`);
      const { state, result } = (task as unknown as { data: { state: string; result: Omit<Ended, "state"> } }).data;
      return { ...result, state };
    },
    bootstrap: (roles, keys = {}, bins) => world.ended("POST", "/api/v1/bootstrap/", {
      settings: { roles: { root: { expiration: 365 }, targets: { expiration: 365 }, snapshot: { expiration: 1 }, timestamp: { expiration: 1 }, bins: null, delegations: { keys, roles: roles.map(wanted), ...binsOf(bins) } } },
      metadata: { root: JSON.parse(stage.root.toString()) as unknown },
      timeout: 300,
    }),
    add: (...paths) => world.ended("POST", "/api/v1/artifacts/", { artifacts: paths.map((path) => ({ path, info: { length: 1, hashes: { sha256: "ab".repeat(32) } } })) }),
    delegate: (roles, keys = {}, bins) => world.ended("POST", "/api/v1/delegations/", { delegations: { keys, roles: roles.map(wanted), ...binsOf(bins) } }),
    update: (roles, keys = {}) => world.ended("PUT", "/api/v1/delegations/", { delegations: { keys, roles: roles.map(wanted) } }),
    remove: (...names) => world.ended("POST", "/api/v1/delegations/delete", { delegations: { roles: names.map((name) => ({ name })) } }),
    targets() {
      const names = stage.storage.names().filter((name) => name.endsWith(".targets.json")).sort((a, b) => parseInt(a) - parseInt(b));
      return parseEnvelope(stage.storage.peek(names.at(-1)!)!, "targets").signed;
    },
    async owners(...paths) {
      serve();
      const one = client();
      await one.refresh();
      return await Promise.all(paths.map(async (path) => (await one.find(path))?.role));
    },
    found: (...paths) => findAll(client(), paths),
    returning() {
      const cache = createMemoryCache();
      return { found: (...paths) => findAll(client(cache), paths) };
    },
    async fsck() {
      const report = await fsck({ files: filesOfStorage(stage.storage), root: stage.root, database: stage.database, now: stage.clock.now() });
      assert.deepEqual(report.faults, []);
    },
  };
  return world;
}

/** tuf-js before the published files, keeping what it read. */
export async function tufJs(context: TestContext, world: World): Promise<{ found(...paths: readonly string[]): Promise<readonly string[]> }> {
  const folder = await mkdtemp(join(tmpdir(), "rstuf-delegations-"));
  const server = await openWebServer((path) => (path.startsWith("metadata/") ? world.stage.storage.peek(path.slice("metadata/".length)) : undefined));
  context.after(async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });
  const metadataDir = join(folder, "metadata");
  const targetDir = join(folder, "files");
  await mkdir(metadataDir);
  await mkdir(targetDir);
  await writeFile(join(metadataDir, "root.json"), world.stage.root);
  return {
    async found(...paths) {
      const updater = new Updater({ metadataDir, metadataBaseUrl: `${server.url}/metadata`, targetDir, targetBaseUrl: `${server.url}/files`, config: { fetchTimeout: 5000, fetchRetry: 0 } });
      await updater.refresh();
      const found: string[] = [];
      for (const path of paths) if ((await updater.getTargetInfo(path)) !== undefined) found.push(path);
      return found;
    },
  };
}

/** Somebody with a key of his own. */
export interface Person {
  readonly key: Key;
  readonly keyid: string;
  /** Hex, over the canonical form. */
  sign(signed: Json): string;
}

export function person(kind: "ed25519" | "ecdsa" | "rsa" = "ed25519"): Person {
  const privateKey: KeyObject = kind === "ed25519"
    ? generateKeyPairSync("ed25519").privateKey
    : kind === "ecdsa" ? generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey : generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const key = keyOf(kind, privateKey);
  return {
    key,
    keyid: keyidOf(key),
    sign: (signed) => sign(kind === "ed25519" ? null : "sha256", canonicalize(signed), kind === "rsa" ? { key: privateKey, padding: 6, saltLength: 32 } : privateKey).toString("hex"),
  };
}

function keyOf(kind: "ed25519" | "ecdsa" | "rsa", privateKey: KeyObject): Key {
  if (kind === "ed25519") return { keytype: "ed25519", scheme: "ed25519", keyval: { public: Buffer.from(privateKey.export({ format: "jwk" }).x ?? "", "base64url").toString("hex") } };
  const pem = String(createPublic(privateKey).export({ type: "spki", format: "pem" }));
  return kind === "ecdsa" ? { keytype: "ecdsa", scheme: "ecdsa-sha2-nistp256", keyval: { public: pem } } : { keytype: "rsa", scheme: "rsassa-pss-sha256", keyval: { public: pem } };
}
