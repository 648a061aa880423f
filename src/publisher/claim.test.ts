// A large batch is shared: what helps, what dies, what lags behind, and what cannot be pressed.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { createPublisherStage, type Stage } from "../../test/fakes/publisher-stage.ts";
import { filesOfStorage } from "../fsck/files.ts";
import { fsck } from "../fsck/fsck.ts";
import type { ClaimedShare, Database } from "../ports/database.ts";
import type { Storage } from "../ports/storage.ts";
import { binOf } from "../tuf/bins.ts";
import { Helper } from "./claim.ts";
import type { PublisherDeps } from "./deps.ts";
import { Publisher } from "./publisher.ts";

const BINS = 8;
const RUNNING = new AbortController().signal;

/** A repository whose batches on four roles or more go in shares of one. */
async function stageOf(): Promise<Stage> {
  // A lease that three does not divide: claims last a third of it, in whole milliseconds.
  const stage = createPublisherStage({ policy: { leaseMs: 14_999, share: { fromRoles: 4, mostRoles: 1 } } });
  await stage.bootstrap(BINS);
  return stage;
}

async function requireSound(stage: Stage): Promise<void> {
  const report = await fsck({ files: filesOfStorage(stage.storage.copy()), root: stage.root, database: stage.database, now: stage.clock.now() });
  assert.deepEqual(report.faults, []);
  assert.deepEqual(await stage.database.openBatches(), []);
}

/** `database` with methods in the place of its own. */
function withMethods(database: Database, methods: Partial<Database>): Database {
  return new Proxy(database, {
    get: (target, name) => {
      const own = name in methods ? methods : target;
      const member: unknown = Reflect.get(own, name);
      return typeof member === "function" ? member.bind(own) as unknown : member;
    },
  });
}

/** A leader that claims nothing before `gate`; resolves `offered` when it would. */
function leaderBehind(stage: Stage, gate: Promise<unknown>): { readonly leader: Publisher; readonly offered: Promise<void> } {
  let tell = (): void => {};
  const offered = new Promise<void>((resolve) => { tell = resolve; });
  const database = withMethods(stage.database, {
    claimShare: async (holder, ttlMs) => {
      tell();
      await gate;
      return stage.database.claimShare(holder, ttlMs);
    },
  });
  return { leader: new Publisher({ ...stage.deps, database }), offered };
}

/** The leader of the stage gives its place to another one. */
async function lead(stage: Stage, leader: Publisher): Promise<void> {
  await stage.clock.advance(15_001);
  assert.ok(await leader.takeOver());
}

describe("a batch that is shared", () => {
  test("is pressed by the leader alone when nobody else has time", async () => {
    const stage = await stageOf();
    const task = await stage.refresh(["bins"]);
    await stage.settle();
    assert.equal((await stage.task(task)).result?.state, "SUCCESS");
    await requireSound(stage);
  });

  test("is pressed by whoever helps, and looks as if one had done it", async () => {
    const stage = await stageOf();
    const paths = Array.from({ length: 40 }, (_, n) => `p${String(n)}`);
    await stage.add(paths);
    await stage.settle();
    let open = (): void => {};
    const { leader, offered } = leaderBehind(stage, new Promise<void>((resolve) => { open = resolve; }));
    await lead(stage, leader);
    const finished: string[] = [];
    const watched = withMethods(stage.database, {
      finishShare: async (claim, results) => {
        await stage.database.finishShare(claim, results);
        finished.push(...results.map(({ role }) => role));
      },
    });
    const removed = await stage.remove(paths.slice(0, 20));
    const task = await stage.refresh(["bins", "targets"]);
    const turned = leader.turn();
    await offered;
    assert.equal(await new Helper({ ...stage.deps, database: watched }, "helper").help(RUNNING), true);
    open();
    await turned;
    assert.deepEqual(finished.sort(), Array.from({ length: BINS }, (_, n) => `bins-${String(n)}`));
    for (const id of [removed, task]) assert.equal((await stage.task(id)).result?.state, "SUCCESS");
    assert.equal((await stage.database.listed(undefined, paths)).size, 20);
    await requireSound(stage);
  });

  test("survives a helper that stands still: its share is taken over, what it does later counts for nothing", async () => {
    const stage = await stageOf();
    let open = (): void => {};
    const { leader, offered } = leaderBehind(stage, new Promise<void>((resolve) => { open = resolve; }));
    await lead(stage, leader);
    let goOn = (): void => {};
    const stands = new Promise<void>((resolve) => { goOn = resolve; });
    const puts: string[] = [];
    const storage: Storage = {
      ...stage.storage,
      traits: stage.storage.traits,
      create: async (name, bytes) => { await stands; puts.push(name); return stage.storage.create(name, bytes); },
    };
    // It does not renew its claims either.
    const asleep: PublisherDeps["clock"] = { ...stage.clock, now: () => stage.clock.now(), monotonic: () => stage.clock.monotonic(), sleep: () => new Promise(() => {}) };
    const helper = new Helper({ ...stage.deps, storage, clock: asleep }, "helper");
    const task = await stage.refresh(["bins"]);
    const turned = leader.turn();
    await offered;
    const helped = helper.help(RUNNING);
    for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
    open();
    for (let n = 0; n < 40; n++) {
      await new Promise((resolve) => setImmediate(resolve));
      await stage.clock.advance(250);
    }
    await turned;
    assert.equal((await stage.task(task)).result?.state, "SUCCESS");
    goOn();
    assert.equal(await helped, false);
    assert.equal(puts.length, 2, "both of its shares");
    await requireSound(stage);
    const garbage = (await stage.database.dueGarbage(Number.MAX_SAFE_INTEGER, 1000)).map(({ name }) => name);
    for (const name of puts) assert.ok(garbage.includes(name), `${name} is garbage`);
  });

  test("is given back by a helper that cannot sign, which then stands by for a while", async () => {
    const stage = await stageOf();
    let open = (): void => {};
    const { leader, offered } = leaderBehind(stage, new Promise<void>((resolve) => { open = resolve; }));
    await lead(stage, leader);
    const claims: ClaimedShare[] = [];
    const database = withMethods(stage.database, {
      claimShare: async (holder, ttlMs) => {
        const share = await stage.database.claimShare(holder, ttlMs);
        if (share !== undefined) claims.push(share);
        return share;
      },
    });
    const helper = new Helper({ ...stage.deps, database, signers: { open: () => Promise.reject(new Error("no such key")) } }, "helper");
    const task = await stage.refresh(["bins"]);
    const turned = leader.turn();
    await offered;
    assert.equal(await helper.help(RUNNING), false);
    const tried = claims.length;
    assert.equal(await helper.help(RUNNING), false);
    assert.equal(claims.length, tried);
    open();
    await turned;
    assert.equal((await stage.task(task)).result?.state, "SUCCESS");
    await requireSound(stage);
  });

  test("loses a change that cannot be pressed, whoever met it first, and nothing else", async () => {
    const stage = await stageOf();
    // Two paths that clients sort differently, where they share a bin, and others everywhere.
    await stage.add(Array.from({ length: 40 }, (_, n) => `p${String(n)}`));
    await stage.settle();
    const pairs = disordered();
    await stage.add([pairs.first]);
    await stage.settle();
    let open = (): void => {};
    const { leader, offered } = leaderBehind(stage, new Promise<void>((resolve) => { open = resolve; }));
    await lead(stage, leader);
    const bad = await stage.add([pairs.second]);
    const good = await stage.add(Array.from({ length: 40 }, (_, n) => `q${String(n)}`));
    const turned = leader.turn();
    await offered;
    assert.equal(await new Helper(stage.deps, "helper").help(RUNNING), false);
    open();
    await turned;
    while (await leader.turn());
    assert.equal((await stage.task(bad)).result?.state, "FAILURE");
    assert.equal((await stage.task(good)).result?.state, "SUCCESS");
    await requireSound(stage);
  });
});

/** Two paths of one bin in whose order UTF-8 and UTF-16 differ. */
function disordered(): { readonly first: string; readonly second: string } {
  for (let n = 0; n < 1000; n++) {
    const first = `z\u{ff5e}${String(n)}`;
    const second = `z\u{1f701}${String(n)}`;
    if (binOf("bins", 3, first) === binOf("bins", 3, second)) return { first, second };
  }
  throw new Error("no such pair");
}
