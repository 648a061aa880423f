// A repository whose online key changes, clients that look at every moment of it, a trap that kills
// its publisher at any effect, and what must be so when it is over.

import assert from "node:assert/strict";
import { fsck } from "../../src/fsck/fsck.ts";
import { keyidOf } from "../../src/tuf/keys.ts";
import { parseEnvelope } from "../../src/tuf/parse.ts";
import type { Database } from "../../src/ports/database.ts";
import type { Key } from "../../src/tuf/documents.ts";
import { Publisher } from "../../src/publisher/publisher.ts";
import { createRotationStage, type RotationStage } from "../fakes/rotation-stage.ts";
import { Clients } from "./clients.ts";

const EFFECTS: ReadonlySet<string> = new Set(["freezeEvent", "endEvent", "cut", "stageResults", "commit", "markVisible", "fold", "endTasks"]);

export class Killed extends Error {}

/** Kills the publisher at its n-th effect, before or after it took place; then nothing of it does anything more. */
export interface Trap {
  at: number;
  when: "before" | "after";
  count: number;
  dead: boolean;
  armed: boolean;
}

export async function started(bins: number, trap?: Trap, sample?: number): Promise<{ stage: RotationStage; clients: Clients; next: Key }> {
  const stage = createRotationStage();
  await stage.bootstrap(bins);
  const added = await stage.add(["one", "two"]);
  await stage.settle();
  assert.equal((await stage.ended(added)).state, "SUCCESS");
  const clients = new Clients(stage, sample);
  stage.storage.hooks = { after: (operation) => { if (operation === "create" || operation === "replace") clients.look(); } };
  if (trap !== undefined) await withTrap(stage, trap);
  clients.look();
  return { stage, clients, next: stage.signers.addEcdsa("fn:next") };
}

/** From now on the stage's publisher may be killed. */
export async function withTrap(stage: RotationStage, trap: Trap): Promise<void> {
  const effect = async <T>(act: () => Promise<T>): Promise<T> => {
    if (!trap.armed) return act();
    if (trap.dead) throw new Killed();
    // Others may begin meanwhile: rows follow beside the next batch.
    const own = (trap.count += 1);
    if (own === trap.at && trap.when === "before") {
      trap.dead = true;
      throw new Killed();
    }
    const answer = await act();
    if (own === trap.at) {
      trap.dead = true;
      throw new Killed();
    }
    return answer;
  };
  stage.publisher = await mortal(stage, effect);
  await stage.settle();
  trap.armed = true;
}

/** The stage's publisher, on ports through which it can be killed. */
async function mortal(stage: RotationStage, effect: <T>(act: () => Promise<T>) => Promise<T>): Promise<Publisher> {
  const through = <P extends object>(port: P, names: ReadonlySet<string>): P => new Proxy(port, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      const call = (...args: unknown[]): unknown => (value as (...args: unknown[]) => unknown).apply(target, args);
      return typeof name === "string" && names.has(name) ? (...args: unknown[]) => effect(async () => call(...args)) : call;
    },
  });
  const publisher = new Publisher({
    ...stage.deps,
    database: through<Database>(stage.database, EFFECTS),
    storage: through(stage.storage, new Set(["create", "createAll", "replace"])),
  });
  await stage.clock.advance(20_000);
  assert.equal(await publisher.takeOver(), true);
  return publisher;
}

/** What must be so when it is over. */
export async function assertDone(stage: RotationStage, clients: Clients, task: string, next: Key, bins: number): Promise<void> {
  assert.deepEqual((await stage.ended(task)).details, { role: "root" });
  clients.look();
  const keyid = keyidOf(next);
  const timestamp = parseEnvelope(stage.storage.peek("timestamp.json")!, "timestamp");
  assert.deepEqual(timestamp.signatures.map((signature) => signature.keyid), [keyid]);
  const snapshot = parseEnvelope(stage.storage.peek(`${String(timestamp.signed.meta["snapshot.json"].version)}.snapshot.json`)!, "snapshot");
  assert.deepEqual(snapshot.signatures.map((signature) => signature.keyid), [keyid]);
  assert.equal(Object.keys(snapshot.signed.meta).length, bins + 1);
  for (const [file, meta] of Object.entries(snapshot.signed.meta)) {
    const role = parseEnvelope(stage.storage.peek(`${String(meta.version)}.${file}`)!, "targets");
    assert.deepEqual(role.signatures.map((signature) => signature.keyid), [keyid], file);
    if (file === "targets.json") assert.deepEqual(Object.keys(role.signed.delegations?.keys ?? {}), [keyid]);
  }
  const settings = await stage.database.settings();
  assert.equal((settings["online_key"] as { keyid: string }).keyid, keyid);
  assert.equal(settings["rotation"] ?? null, null);
  assert.deepEqual(await stage.database.signingEvents(), []);
  const files = { read: async (name: string) => stage.storage.peek(name) };
  const report = await fsck({ files, database: stage.database, root: stage.root, now: stage.clock.now() });
  assert.deepEqual(report.faults, []);
}

/** Another publisher takes the place of the one that was killed, and goes on to the end. */
export async function takeOver(stage: RotationStage): Promise<void> {
  stage.publisher = new Publisher(stage.deps);
  await stage.clock.advance(20_000);
  assert.equal(await stage.publisher.takeOver(), true);
  await stage.settleAll();
}
