import { after, before, beforeEach, describe, test } from "node:test";
import assert from "node:assert/strict";
import { link, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryCache } from "../../../../test/fakes/client-storage.ts";
import type { ClientCache } from "../../../ports/client-storage.ts";
import { sha256Hex } from "../../../tuf/crypto.ts";
import { openFileCache } from "./cache.ts";

let base = "";
let count = 0;
before(async () => { base = await mkdtemp(join(tmpdir(), "client-cache-")); });
after(() => rm(base, { recursive: true }));
const fresh = () => join(base, String((count += 1)));
const bytes = (text: string) => Buffer.from(text);

for (const { name, open } of [
  { name: "file cache", open: () => openFileCache(fresh()) },
  { name: "memory cache", open: () => Promise.resolve(createMemoryCache()) },
]) {
  describe(`${name}: what every ClientCache keeps`, () => {
    let cache: ClientCache;
    beforeEach(async () => { cache = await open(); });

    test("what was written is read, last write wins", async () => {
      assert.equal(await cache.read("timestamp", 100), undefined);
      await cache.write("timestamp", bytes("one"));
      await cache.write("timestamp", bytes("two"));
      assert.deepEqual(await cache.read("timestamp", 100), bytes("two"));
      assert.equal(await cache.read("snapshot", 100), undefined);
    });

    test("over the bound counts as absent", async () => {
      await cache.write("timestamp", bytes("12345"));
      assert.equal(await cache.read("timestamp", 4), undefined);
      assert.deepEqual(await cache.read("timestamp", 5), bytes("12345"));
    });

    test("writes only over what is expected", async () => {
      await cache.write("r", bytes("new"), { bytes: bytes("old"), maxBytes: 9 });
      assert.equal(await cache.read("r", 9), undefined);
      await cache.write("r", bytes("one"), { bytes: undefined, maxBytes: 9 });
      await cache.write("r", bytes("two"), { bytes: undefined, maxBytes: 9 });
      assert.deepEqual(await cache.read("r", 9), bytes("one"));
      await cache.write("r", bytes("two"), { bytes: bytes("one"), maxBytes: 9 });
      assert.deepEqual(await cache.read("r", 9), bytes("two"));
      await cache.write("r", bytes("x"), { bytes: undefined, maxBytes: 2 });
      assert.deepEqual(await cache.read("r", 9), bytes("x"), "what is too long to be read is absent here too");
    });

    test("removed is absent, twice too", async () => {
      await cache.write("r", bytes("x"));
      await cache.remove("r");
      await cache.remove("r");
      assert.equal(await cache.read("r", 9), undefined);
    });

    test("roots are listed rising and removed from a version up", async () => {
      for (const version of [10, 9, 1, 2]) await cache.writeRoot(version, bytes(String(version)));
      assert.deepEqual(await cache.rootVersions(), [1, 2, 9, 10]);
      assert.deepEqual(await cache.readRoot(9, 9), bytes("9"));
      await cache.removeRootsFrom(2);
      assert.deepEqual(await cache.rootVersions(), [1]);
      assert.equal(await cache.readRoot(9, 9), undefined);
    });

    test("a role can't be mistaken for a root", async () => {
      await cache.write("root-3", bytes("x"));
      await cache.write("1.root", bytes("x"));
      if (name === "file cache") assert.deepEqual(await cache.rootVersions(), []);
    });
  });
}

describe("file cache", () => {
  test("names come from a hash, whatever the role is called", async () => {
    const folder = fresh();
    const cache = await openFileCache(folder);
    for (const role of ["../../x", "/etc/x", "a/b", "CON", "\0", "x".repeat(5000)]) {
      await cache.write(role, bytes(role));
      assert.deepEqual(await cache.read(role, 9999), bytes(role));
    }
    for (const name of await readdir(folder)) assert.match(name, /^[0-9a-f]{64}\.json$/);
    assert.deepEqual((await readdir(base)).filter((name) => !/^\d+$/.test(name)), []);
  });

  test("leaves no temporary file", async () => {
    const folder = fresh();
    const cache = await openFileCache(folder);
    await Promise.all(Array.from({ length: 20 }, (_, index) => cache.write("r", bytes(String(index)))));
    assert.deepEqual(await readdir(folder), [`${sha256Hex("r")}.json`]);
  });

  test("a link in a file's place is not read, and not written through", async () => {
    const folder = fresh();
    const outside = join(base, `${String(count)}-outside`);
    await writeFile(outside, "outside");
    const cache = await openFileCache(folder);
    await symlink(outside, join(folder, `${sha256Hex("r")}.json`));
    await symlink(outside, join(folder, "root-1.json"));
    assert.equal(await cache.read("r", 99), undefined);
    assert.equal(await cache.readRoot(1, 99), undefined);
    await cache.write("r", bytes("mine"));
    await cache.writeRoot(1, bytes("mine"));
    assert.deepEqual(await cache.read("r", 99), bytes("mine"));
    assert.equal(String(await readFile(outside)), "outside");
    await rm(outside);
  });

  test("a write replaces the name, not the file: another name of it keeps its bytes", async () => {
    const folder = fresh();
    const cache = await openFileCache(folder);
    await cache.write("r", bytes("one"));
    const other = join(folder, "other");
    await link(join(folder, `${sha256Hex("r")}.json`), other);
    await cache.write("r", bytes("two"));
    assert.equal(String(await readFile(other)), "one");
  });

  test("a folder in a file's place is absent, and writing says why it can't", async () => {
    const folder = fresh();
    const cache = await openFileCache(folder);
    await mkdir(join(folder, `${sha256Hex("r")}.json`));
    assert.equal(await cache.read("r", 99), undefined);
    await assert.rejects(cache.write("r", bytes("x")), { code: "unwritable" });
    assert.deepEqual(await readdir(folder), [`${sha256Hex("r")}.json`]);
  });

  test("a folder that is a link, or a file, is refused", async () => {
    const real = fresh();
    await mkdir(real);
    const linked = fresh();
    await symlink(real, linked);
    await assert.rejects(openFileCache(linked), { code: "unusable" });
    const file = fresh();
    await writeFile(file, "");
    await assert.rejects(openFileCache(file), { code: "unusable" });
  });

  test("two processes: each sees what the other wrote last", async () => {
    const folder = fresh();
    const [one, two] = [await openFileCache(folder), await openFileCache(folder)];
    await one.write("r", bytes("one"));
    await two.write("r", bytes("two"));
    assert.deepEqual(await one.read("r", 9), bytes("two"));
  });
});
