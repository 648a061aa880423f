// What goes wrong with the folder: files lost or damaged, a disk that is full, a publisher that
// slept through every expiry.

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { StorageError, type Storage } from "../../src/ports/storage.ts";
import { ROLES_PER_TICK } from "../../src/publisher/file-check.ts";
import { DAY_MS, HOUR_MS, withCalls, World } from "./world.ts";

let world: World;
beforeEach(() => { world = new World(); });
afterEach(() => world.remove());

const paths = Array.from({ length: 12 }, (_, n) => `file/${String(n)}`);

async function started(bins = 4): Promise<void> {
  await world.open();
  await world.bootstrap(bins);
  await world.add(paths);
  await world.settle();
}

/** The published name of a role. */
const nameOf = (role: string): string =>
  readdirSync(world.metadata).filter((name) => name.endsWith(`.${role}.json`)).sort((a, b) => parseInt(a) - parseInt(b)).at(-1)!;

describe("a file that is lost or damaged is put right, by the tick and at start", () => {
  const damages: readonly { readonly name: string; readonly role: string; readonly do: (file: string) => void }[] = [
    { name: "timestamp missing", role: "timestamp", do: (file) => { rmSync(file); } },
    { name: "timestamp cut short", role: "timestamp", do: (file) => { truncateSync(file, 50); } },
    { name: "timestamp empty", role: "timestamp", do: (file) => { truncateSync(file, 0); } },
    { name: "snapshot missing", role: "snapshot", do: (file) => { rmSync(file); } },
    { name: "snapshot overwritten", role: "snapshot", do: (file) => { writeFileSync(file, "{}"); } },
    { name: "targets missing", role: "targets", do: (file) => { rmSync(file); } },
    { name: "targets cut short", role: "targets", do: (file) => { truncateSync(file, 100); } },
    { name: "bin missing", role: "bins-2", do: (file) => { rmSync(file); } },
    { name: "bin grown", role: "bins-2", do: (file) => { writeFileSync(file, " ".repeat(100_000)); } },
    { name: "a folder in a bin's place", role: "bins-2", do: (file) => { rmSync(file); mkdirSync(file); } },
  ];
  for (const damage of damages) {
    test(damage.name, async () => {
      await started();
      const returning = await world.client();
      assert.deepEqual(await world.seen(returning, paths), paths);
      const hurt = (): void => { damage.do(join(world.metadata, damage.role === "timestamp" ? "timestamp.json" : nameOf(damage.role))); };
      hurt();
      await world.pass(2 * HOUR_MS);
      await world.settle();
      await world.requireSound();
      assert.deepEqual(await world.seen(returning, paths), paths);
      assert.deepEqual(await world.seen(await world.client(), paths), paths);

      hurt();
      await world.close();
      await world.open();
      await world.lead();
      await world.requireSound();
      assert.deepEqual(await world.seen(returning, paths), paths);
      assert.ok(world.telemetry.events.some(({ level }) => level === "error"), "it was told");
    });
  }

  test("of many bins a bounded number is read each tick, and each in its turn", async () => {
    const reads: string[] = [];
    await world.open((storage) => withCalls(storage, { read: (name, most) => { reads.push(name); return storage.read(name, most); } }));
    await world.bootstrap(256);
    rmSync(join(world.metadata, nameOf("bins-ff")));
    let ticks = 0;
    while (!readdirSync(world.metadata).some((name) => name.endsWith(".bins-ff.json")) && ticks < 10) {
      reads.length = 0;
      await world.pass(HOUR_MS + 1);
      await world.settle();
      assert.ok(reads.length <= ROLES_PER_TICK + 20, `${String(reads.length)} files read in one tick`);
      ticks++;
    }
    assert.ok(ticks <= 256 / ROLES_PER_TICK, `found after ${String(ticks)} ticks`);
    await world.requireSound();
  });
});

describe("a disk that is full, or a folder that is not ours to write", () => {
  for (const code of ["unavailable", "denied"] as const) {
    for (const call of ["create", "createAll", "replace"] as const) {
      test(`${call} answers ${code} for a while: nothing is lost, and what is published stays whole`, async () => {
        let broken = false;
        const refuse = (): never => { throw new StorageError(code, "the disk is full"); };
        await world.open((storage): Storage => withCalls(storage, {
          create: async (name, bytes) => (broken && call === "create" ? refuse() : storage.create(name, bytes)),
          createAll: async (files) => (broken && call === "createAll" ? refuse() : storage.createAll(files)),
          replace: async (name, bytes, token, mayWrite) => (broken && call === "replace" ? refuse() : storage.replace(name, bytes, token, mayWrite)),
        }));
        await world.bootstrap(4);
        await world.add(paths);
        await world.settle();
        const returning = await world.client();
        broken = true;
        const task = await world.add(["late/1", "late/2", "late/3", "late/4", "late/5"]);
        for (let tries = 0; tries < 3; tries++) await assert.rejects(world.settle(), { code });
        assert.equal((await world.task(task)).result, undefined);
        assert.deepEqual(await world.seen(returning, [...paths, "late/1"]), paths);
        broken = false;
        await world.settle();
        assert.equal((await world.task(task)).result?.state, "SUCCESS");
        assert.deepEqual(await world.seen(returning, ["late/1", "late/5"]), ["late/1", "late/5"]);
        await world.requireSound();
      });
    }
  }
});

describe("a publisher that slept", () => {
  test("stopped for longer than every expiry, it makes everything fresh before it does anything else", async () => {
    await started(16);
    const returning = await world.client();
    await world.seen(returning, paths);
    const waiting = await world.add(["late"]);
    await world.close();
    await world.pass(400 * DAY_MS);
    await assert.rejects(world.seen(returning, paths), { code: "timestamp-expired" });
    await world.open();
    await world.lead();
    assert.deepEqual(await world.seen(returning, [...paths, "late"]), [...paths, "late"]);
    assert.deepEqual(await world.seen(await world.client(), paths), paths);
    assert.equal((await world.task(waiting)).result?.state, "SUCCESS");
    await world.requireSound();
  });
});
