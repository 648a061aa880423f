// An API over fakes: what HTTP alone does, without a publisher behind it.

import type { FastifyInstance } from "fastify";
import { createApi, type ApiDeps } from "../../../src/api/app.ts";
import { DEFAULT_LIMITS, LOOPBACK_HOSTS, type ApiSettings } from "../../../src/api/settings.ts";
import type { SettingValue, TaskResult } from "../../../src/ports/database.ts";
import type { StoredFile, StorageToken } from "../../../src/ports/storage.ts";
import type { Targets } from "../../../src/tuf/documents.ts";
import { createFakeRandom, createFakeClock, type FakeClock } from "../../fakes/clock.ts";
import { createMemoryDatabase, type MemoryDatabase } from "../../fakes/database.ts";
import { createMemoryTelemetry, type MemoryTelemetry } from "../../fakes/telemetry.ts";

export const NOW = Date.parse("2026-11-22T18:00:00.250Z");
export const BOOTSTRAP_ID = "82281613dba54b8ea88dc86211c77d0a";

export interface TestApi {
  readonly app: FastifyInstance;
  readonly database: MemoryDatabase;
  readonly clock: FakeClock;
  readonly telemetry: MemoryTelemetry;
  readonly metadata: Map<string, Buffer>;
  /** Ends a task as the publisher would. */
  end(taskId: string, result: Omit<TaskResult, "lastUpdateMs">, settings?: Record<string, SettingValue>): Promise<void>;
}

export interface TestApiOptions {
  /** `published`: with a root, four bins and two artifacts, as after a real bootstrap. */
  readonly given?: "published" | "bootstrapped" | "fresh";
  readonly settings?: Partial<ApiSettings>;
  readonly limits?: Partial<ApiSettings["limits"]>;
  readonly deps?: Partial<ApiDeps>;
  /** Delegations of the top-level targets; four bins unless told. */
  readonly delegations?: Targets["delegations"];
}

const FOUR_BINS: NonNullable<Targets["delegations"]> = {
  keys: {},
  succinct_roles: { keyids: ["online"], threshold: 1, bit_length: 2, name_prefix: "bins" },
};

export async function createTestApi(options: TestApiOptions = {}): Promise<TestApi> {
  const clock = createFakeClock(NOW);
  const database = createMemoryDatabase({ now: () => clock.now() });
  const telemetry = createMemoryTelemetry();
  const metadata = new Map<string, Buffer>();
  if (options.given === "published") await published(database, options.delegations);
  else if (options.given !== "fresh") await bootstrapped(database, options.delegations ?? FOUR_BINS);
  const settings: ApiSettings = {
    version: "0.0.0-test",
    allowedHosts: LOOPBACK_HOSTS,
    disabledEndpoints: [],
    trial: false,
    ...options.settings,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
  };
  const app = await createApi({
    database,
    clock,
    random: createFakeRandom(1000),
    telemetry,
    metadata: {
      async read(name): Promise<StoredFile | undefined> {
        const bytes = metadata.get(name);
        return bytes === undefined ? undefined : { bytes, token: "token" as StorageToken };
      },
    },
    metricsText: async () => "rstuf_up 1\n",
    readiness: async () => ({ ready: true, reasons: [] }),
    settings,
    ...options.deps,
  });
  const lease = await database.takeLease("publisher", 3_600_000);
  return {
    app,
    database,
    clock,
    telemetry,
    metadata,
    async end(taskId, result, changed) {
      await database.endTasks(lease!, [{ task: taskId, result: { ...result, lastUpdateMs: clock.now() } }], changed);
    },
  };
}

async function bootstrapped(database: MemoryDatabase, delegations: Targets["delegations"]): Promise<void> {
  const targets = { _type: "targets", spec_version: "1.0.31", version: 1, expires: "2027-11-22T18:29:01Z", targets: {}, delegations };
  const lease = await database.takeLease("publisher", 3_600_000);
  const batch = "00000000000000000000000000000001";
  const { firstVersion } = await database.cut(lease!, { id: batch, base: "", changes: [], roles: ["targets"] });
  const result = (role: string, version: number) => ({ role, version, length: 1, sha256: "00".repeat(32), expiresMs: NOW + 86_400_000 });
  await database.stageResults(lease!, batch, [result("targets", firstVersion)]);
  const settings: Record<string, SettingValue> = {
    bootstrap: BOOTSTRAP_ID,
    bootstrap_request: null,
    targets_online_key: true,
    number_of_delegated_bins: 4,
  };
  for (const [role, days] of Object.entries({ root: 365, targets: 365, snapshot: 1, timestamp: 1, bins: 1 })) settings[`${role}_expiration`] = days;
  const { seq } = await database.commit(lease!, {
    batch,
    base: "",
    pressedAtMs: NOW,
    snapshot: result("snapshot", firstVersion + 1),
    timestamp: { ...result("timestamp", firstVersion + 2), bytes: Buffer.from("{}") },
    envelopes: [{ role: "targets", version: firstVersion, bytes: Buffer.from(JSON.stringify({ signatures: [], signed: targets })) }],
    newRoles: [{ name: "targets", kind: "targets", parent: "" }],
    settings,
    garbageNotBeforeMs: NOW + 86_400_000,
  });
  await database.markVisible(lease!, seq);
}

export const ONLINE = "5c1ad6b3f3ba52eb8f5c8c9e0d5e2f2f5a7a9d7f4d4e8b5c6a7b8c9d0e1f2a3b";
export const ALICE = "a11ce6b3f3ba52eb8f5c8c9e0d5e2f2f5a7a9d7f4d4e8b5c6a7b8c9d0e1f2a3b";

/** A root of test keys, signed by nobody. */
function rootDocument(): object {
  const online = { keyids: [ONLINE], threshold: 1 };
  return {
    _type: "root", spec_version: "1.0.31", version: 1, expires: "2027-11-22T18:29:01Z", consistent_snapshot: true,
    keys: {
      [ONLINE]: { keytype: "ed25519", scheme: "ed25519", keyval: { public: "0a".repeat(32) }, "x-rstuf-online-key-uri": "fn:online" },
      [ALICE]: { keytype: "ed25519", scheme: "ed25519", keyval: { public: "0b".repeat(32) }, "x-rstuf-key-name": "Alice" },
    },
    roles: { root: { keyids: [ALICE], threshold: 1 }, timestamp: online, snapshot: online, targets: online },
  };
}

export const DAYS = { root: 365, targets: 365, snapshot: 1, timestamp: 1, bins: 7 };
const DAY_MS = 86_400_000;

async function published(database: MemoryDatabase, delegations: Targets["delegations"]): Promise<void> {
  const online = { keytype: "ed25519", scheme: "ed25519", keyval: { public: "0a".repeat(32) }, "x-rstuf-online-key-uri": "fn:online" };
  const bins: NonNullable<Targets["delegations"]> = { keys: { [ONLINE]: online }, succinct_roles: { keyids: [ONLINE], threshold: 1, bit_length: 2, name_prefix: "bins" } };
  const targets = { _type: "targets", spec_version: "1.0.31", version: 5, expires: "2027-11-22T18:00:00Z", targets: {}, delegations: delegations ?? bins };
  const custom = (delegations?.roles ?? []).map(({ name }) => name);
  const lease = await database.takeLease("publisher", 3_600_000);
  const add = (path: string, role: string, more: string, length: number) => ({ kind: "add" as const, role, path, fragment: `{${more}"hashes":{"sha256":"${"ab".repeat(32)}"},"length":${String(length)}}` });
  const task = "00000000000000000000000000000e43";
  const limits = { changes: 100, bytes: 100_000 };
  await database.accept({
    task: { id: task, kind: "add_artifacts", createdMs: NOW, request: { paths: ["app/1.0.tar.gz", "app/1.1.tar.gz"] } },
    changes: [add("app/1.0.tar.gz", "bins-0", "", 630), add("app/1.1.tar.gz", "bins-3", `"custom":{"build":"77"},`, 631)],
    held: false,
    limits,
  });
  const roles = ["bins-0", "bins-1", "bins-2", "bins-3", ...custom, "targets"];
  const open = await database.openChanges({ changes: 9, bytes: 9999 });
  const batch = "00000000000000000000000000000001";
  const { firstVersion } = await database.cut(lease!, { id: batch, base: "", roles, changes: open.map(({ id, task: owner, role }) => ({ id, task: owner, role, outcome: "apply" })) });
  const result = (role: string, version: number) => {
    const days = role.startsWith("bins-") ? DAYS.bins : (new Map<string, number>(Object.entries(DAYS)).get(role) ?? DAYS.targets);
    return { role, version, length: 400, sha256: "cd".repeat(32), expiresMs: NOW - 250 + days * DAY_MS };
  };
  await database.stageResults(lease!, batch, roles.map((role, index) => result(role, firstVersion + index)));
  await database.stageTaskResults(lease!, batch, [{ task, result: { state: "SUCCESS", message: "Artifact(s) Added", lastUpdateMs: NOW } }]);
  const settings: Record<string, SettingValue> = { bootstrap: BOOTSTRAP_ID, bootstrap_request: null, targets_online_key: true, number_of_delegated_bins: 4 };
  for (const [role, days] of Object.entries(DAYS)) settings[`${role}_expiration`] = days;
  const next = firstVersion + roles.length;
  const { seq } = await database.commit(lease!, {
    batch,
    base: "",
    pressedAtMs: NOW,
    snapshot: result("snapshot", next),
    timestamp: { ...result("timestamp", next + 1), bytes: Buffer.from("{}") },
    envelopes: [
      { role: "root", version: 1, bytes: Buffer.from(JSON.stringify({ signatures: [], signed: rootDocument() })) },
      { role: "targets", version: firstVersion + roles.length - 1, bytes: Buffer.from(JSON.stringify({ signatures: [], signed: targets })) },
    ],
    newRoles: roles.map((name) => ({ name, kind: name === "targets" ? "targets" : custom.includes(name) ? "delegated" : "bins", parent: name === "targets" ? "" : "targets" })),
    settings,
    garbageNotBeforeMs: NOW + DAY_MS,
  });
  await database.markVisible(lease!, seq);
  while ((await database.fold(lease!, 100)).remaining);
  await database.accept({
    task: { id: "00000000000000000000000000000e44", kind: "remove_artifacts", createdMs: NOW, request: {} },
    changes: [],
    held: false,
    result: { state: "ERRORED", message: "Removing artifact(s) Failed", error: "At list one artifact is required", lastUpdateMs: NOW },
    limits,
  });
}

/** The header fields every injected request needs: inject's own Host is no name we answer to. */
export const HEADERS = { host: "localhost" };
