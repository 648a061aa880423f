// A repository whose top-level targets people sign, with clients that look at every moment of it.

import assert from "node:assert/strict";
import { fsck } from "../../src/fsck/fsck.ts";
import { filesOfStorage } from "../../src/fsck/files.ts";
import { bootstrap } from "../../src/operations/bootstrap.ts";
import { changeDelegations } from "../../src/operations/change-delegations.ts";
import { getSigning } from "../../src/operations/get-signing.ts";
import { getTask, type TaskView } from "../../src/operations/get-task.ts";
import { uploadMetadata } from "../../src/operations/upload-metadata.ts";
import { addArtifacts } from "../../src/operations/add-artifacts.ts";
import type { DelegationEdit, WantedRole } from "../../src/roles/custom-delegations.ts";
import type { Signature, Targets } from "../../src/tuf/documents.ts";
import { parseEnvelope } from "../../src/tuf/parse.ts";
import { createHolder, type Holder } from "../fakes/root-holders.ts";
import { createRotationStage, type RotationStage, type RotationStageOptions } from "../fakes/rotation-stage.ts";
import { Clients } from "../rotation/clients.ts";

export interface Waiting {
  readonly signatures: readonly Signature[];
  readonly signed: { readonly version: number; readonly expires: string; readonly delegations?: Targets["delegations"] };
}

export interface OfflineWorld {
  readonly stage: RotationStage;
  readonly clients: Clients;
  /** Three people who sign targets; two of them have to. */
  readonly people: readonly Holder[];
  bootstrap(settings?: object, metadata?: object): Promise<TaskView>;
  /** What waits for signatures, by role. */
  waiting(): Promise<Readonly<Record<string, Waiting>>>;
  /** Signs what waits for `role`, and answers what each was told. */
  sign(role: string, ...people: readonly Holder[]): Promise<readonly string[]>;
  edit(edit: DelegationEdit): Promise<string>;
  add(...paths: readonly string[]): Promise<string>;
  /** A team uploads a version of its document. */
  upload(role: string, version: number, paths: readonly string[], by: Holder, days?: number): Promise<string>;
  task(id: string): Promise<TaskView>;
  /** Of top-level targets as published. */
  targets(): { readonly version: number; readonly signed: Targets; readonly keyids: readonly string[] };
  /** The keyids of who signed the newest file of a role. */
  signers(role: string): readonly string[];
  /** Throws unless everything published is as it must be. */
  fsck(): Promise<void>;
  /** Nobody looks for so long; the publisher sleeps, too. */
  sleep(ms: number): Promise<void>;
}

export const wantedRole = (name: string, paths: readonly string[], more: Partial<WantedRole> = {}): WantedRole => ({ name, paths, terminating: true, keyids: [], threshold: 1, "x-rstuf-expire-policy": 7, ...more });

export const BINS = { bins: { expiration: 7, number_of_delegated_bins: 4 }, delegations: null };

/** Made once: an RSA key takes a while. */
const PEOPLE = [createHolder(), createHolder("ecdsa"), createHolder("rsa")];

/**
 * @param offline whether people sign targets from the beginning
 * @param leads a publisher leads before the bootstrap
 */
export function createOfflineWorld({ offline = true, leads = false, ...options }: RotationStageOptions & { readonly offline?: boolean; readonly leads?: boolean } = {}): OfflineWorld {
  const people = PEOPLE;
  const stage = createRotationStage({ ...options, ...(offline ? { targets: { holders: people, threshold: 2 } } : {}) });
  const clients = new Clients(stage);
  stage.storage.hooks = { after: (operation) => { if (operation === "create" || operation === "replace") clients.look(); } };
  const newest = (role: string): Buffer => {
    const names = stage.storage.names().filter((name) => name.endsWith(`.${role}.json`)).sort((a, b) => parseInt(a) - parseInt(b));
    return stage.storage.peek(names.at(-1) ?? "")!;
  };
  const world: OfflineWorld = {
    stage,
    clients,
    people,
    async bootstrap(settings = {}, metadata = {}) {
      const days = (expiration: number): object => ({ expiration });
      const payload = { settings: { targets_online_key: !offline, roles: { root: days(365), targets: days(365), snapshot: days(1), timestamp: days(1), ...BINS }, ...settings }, metadata: { root: JSON.parse(stage.root.toString()) as unknown, ...metadata } };
      const { taskId } = await bootstrap(stage.operations, payload as never);
      if (!leads) await stage.publisher.takeOver();
      await stage.settle();
      return world.task(taskId);
    },
    waiting: async () => (await getSigning(stage.operations)) as unknown as Readonly<Record<string, Waiting>>,
    async sign(role, ...some) {
      const told: string[] = [];
      for (const one of some) {
        const pending = (await world.waiting())[role];
        assert.ok(pending, `nothing waits for ${role}`);
        const task = await stage.sign(one.sign(pending.signed), role);
        await stage.settle();
        const { result } = await world.task(task);
        const said = result?.details?.["update"] ?? result?.details?.["bootstrap"];
        told.push(typeof said === "string" ? said : (result?.error ?? ""));
      }
      return told;
    },
    async edit(edit) {
      const { taskId } = await changeDelegations(stage.operations, edit);
      await stage.settle();
      return taskId;
    },
    async add(...paths) {
      const { taskId } = await addArtifacts(stage.operations, { artifacts: paths.map((path) => ({ path, info: { length: 1, hashes: { sha256: "ab".repeat(32) } } })), addTaskIdToCustom: false, publish: true });
      await stage.settle();
      return taskId;
    },
    async upload(role, version, paths, by, days = 30) {
      const expires = new Date(stage.clock.now() + days * 86_400_000).toISOString().replace(/\.\d+/, "");
      const file = { length: 1, hashes: { sha256: "cd".repeat(32) } };
      const signed = { _type: "targets", spec_version: "1.0.31", version, expires, targets: Object.fromEntries(paths.map((path) => [path, file])) };
      const { taskId } = await uploadMetadata(stage.operations, { role, bytes: Buffer.from(JSON.stringify({ signed, signatures: [by.sign(signed)] })) });
      await stage.settle();
      return taskId;
    },
    task: (id) => getTask(stage.operations, id),
    targets() {
      const { signed, signatures } = parseEnvelope(newest("targets"), "targets");
      return { version: signed.version, signed, keyids: signatures.map(({ keyid }) => keyid) };
    },
    signers: (role) => parseEnvelope(newest(role)).signatures.map(({ keyid }) => keyid),
    async sleep(ms) {
      stage.storage.hooks = {};
      await stage.clock.advance(ms);
      await stage.settle();
    },
    async fsck() {
      if (stage.storage.hooks.after !== undefined) clients.look();
      const report = await fsck({ files: filesOfStorage(stage.storage), root: stage.storage.peek("1.root.json")!, database: stage.database, now: stage.clock.now() });
      assert.deepEqual(report.faults, []);
    },
  };
  return world;
}
