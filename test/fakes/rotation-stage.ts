// A publisher stage with people who sign roots through the operations, as the API calls them.

import type { TaskRow } from "../../src/ports/database.ts";
import type { OperationDeps } from "../../src/operations/deps.ts";
import { createOwners } from "../../src/operations/owners.ts";
import { signMetadata } from "../../src/operations/sign-metadata.ts";
import { stopSigning } from "../../src/operations/stop-signing.ts";
import { updateRoot } from "../../src/operations/update-root.ts";
import type { JsonObject, Key, Root, Signature } from "../../src/tuf/documents.ts";
import { DEFAULT_LIMITS } from "../../src/api/settings.ts";
import { createPublisherStage, DAY_MS, START, type Stage, type StageOptions } from "./publisher-stage.ts";
import { createHolder, rootOf, signedBy, type Holder, type RootPlan, type SignedRoot } from "./root-holders.ts";

export interface RotationStage extends Stage {
  readonly operations: OperationDeps;
  readonly holders: readonly Holder[];
  /** Root `version` of the same people and the same online key, but for what `more` says. */
  plan(version: number, more?: Partial<RootPlan>): Root;
  update(root: SignedRoot, compromised?: boolean, more?: { readonly targets_online_key?: boolean }): Promise<string>;
  sign(signature: Signature, role?: string): Promise<string>;
  stop(role?: string): Promise<string>;
  /** Turns, and lets settle times pass, until nothing is left to do. */
  settleAll(): Promise<void>;
  ended(task: string): Promise<NonNullable<TaskRow["result"]>>;
}

export interface RotationStageOptions extends StageOptions {
  readonly people?: number;
  readonly threshold?: number;
  /** How many of them sign the first root. */
  readonly firstSigners?: number;
  /** People who sign targets from the first root on. */
  readonly targets?: { readonly holders: readonly Holder[]; readonly threshold: number };
}

export function createRotationStage(options: RotationStageOptions = {}): RotationStage {
  const { people = 2, threshold = 1, firstSigners = threshold } = options;
  const holders = Array.from({ length: people }, () => createHolder());
  const expiresMs = START + 3650 * DAY_MS;
  const offline = options.targets === undefined ? {} : { targets: options.targets };
  const stage = createPublisherStage({
    ...options,
    root: (online: Key) => signedBy(rootOf({ version: 1, holders, threshold, online, expiresMs, ...offline }), ...holders.slice(0, firstSigners)),
  });
  const { database, clock, deps } = stage;
  const operations: OperationDeps = { database, clock, random: deps.random, owners: createOwners(database), limits: DEFAULT_LIMITS };
  const rotation: Omit<RotationStage, keyof Stage> = {
    operations,
    holders,
    plan: (version, more = {}) => rootOf({ version, holders, threshold, online: stage.online, expiresMs, ...offline, ...more }),
    async update(root, compromised = false, more = {}) {
      const envelope = JSON.parse(JSON.stringify(root)) as JsonObject;
      return (await updateRoot(operations, { metadata: { root: envelope }, compromised, ...more })).taskId;
    },
    sign: async (signature, role = "root") => (await signMetadata(operations, { role, signature })).taskId,
    stop: async (role = "root") => (await stopSigning(operations, role)).taskId,
    async settleAll() {
      for (let i = 0; i < 20; i++) {
        while (await stage.publisher.turn());
        if (((await database.setting("rotation")) ?? null) === null) return;
        await clock.advance(stage.deps.policy.settleMs);
      }
      throw new Error("the rotation never ends");
    },
    async ended(task) {
      const { result } = await stage.task(task);
      if (result === undefined) throw new Error(`task ${task} has not ended`);
      return result;
    },
  };
  return Object.assign(stage, rotation);
}
