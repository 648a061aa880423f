import { after, before, beforeEach, describe, test } from "node:test";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, open, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join, relative, isAbsolute } from "node:path";
import fc from "fast-check";
import type { Destination } from "../../../ports/client-storage.ts";
import { createFolderDestination } from "./folder.ts";

let base = "";
let folder = "";
let count = 0;
let destination: Destination;
before(async () => { base = await mkdtemp(join(tmpdir(), "downloads-")); });
after(() => rm(base, { recursive: true }));
beforeEach(() => {
  folder = join(base, String((count += 1)), "downloads");
  destination = createFolderDestination(folder, { windowsNames: false });
});

async function put(path: string, content: string): Promise<string> {
  const incoming = await destination.begin(path);
  await incoming.write(Buffer.from(content));
  return incoming.keep();
}

describe("names", () => {
  for (const path of ["", "/", "/etc/passwd", "..", ".", "a/..", "../a", "a/../../b", "a//b", "a/", "a\\..\\b", "C:\\x\\", "a\0b", "a\nb", "\ud800", "x".repeat(256)]) {
    test(`refuses ${JSON.stringify(path.slice(0, 20))}`, async () => {
      assert.throws(() => destination.locate(path), { code: "unsafe-name" });
      await assert.rejects(destination.begin(path), { code: "unsafe-name" });
      await assert.rejects(destination.existing(path, 1), { code: "unsafe-name" });
    });
  }

  for (const path of ["a", ".hidden", "...", "a b/ü", "con", "a:b", "-rf", "~", "%2e%2e"]) {
    test(`takes ${JSON.stringify(path)}`, async () => {
      assert.equal(await put(path, "x"), join(folder, path));
    });
  }

  for (const path of ["con", "NUL.txt", "a/com1", "COM¹", "a:b", "a.", "a ", "a|b", "a?", '"', "conin$"]) {
    test(`refuses ${JSON.stringify(path)} on Windows`, () => {
      assert.throws(() => createFolderDestination(folder, { windowsNames: true }).locate(path), { code: "unsafe-name" });
    });
  }

  test("any path lies strictly below the folder, or is refused", () => {
    const segment = fc.oneof(fc.constantFrom("..", ".", "", "a", "\\", "..\\", "/", "\0"), fc.string({ unit: "binary", maxLength: 6 }));
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 6 }), (segments) => {
        let file: string;
        try {
          file = destination.locate(segments.join("/"));
        } catch {
          return;
        }
        const below = relative(folder, file);
        assert.ok(below !== "" && !isAbsolute(below) && !below.split("/").includes(".."), below);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("files", () => {
  test("a file has its name only when it is kept", async () => {
    const incoming = await destination.begin("a/b");
    await incoming.write(Buffer.from("part"));
    assert.equal(await destination.existing("a/b", 4), undefined);
    await incoming.discard();
    assert.deepEqual(await readdir(join(folder, "a")), []);
    assert.equal(await put("a/b", "all"), join(folder, "a", "b"));
    assert.deepEqual(await readdir(join(folder, "a")), ["b"]);
  });

  describe("what an earlier try left", () => {
    const CONTENT = "ab12";
    const part = (): string => join(folder, "a", `.rstuf-${CONTENT}.part`);
    const read = async (pieces: AsyncIterable<Uint8Array>): Promise<string> => {
      let text = "";
      for await (const piece of pieces) text += Buffer.from(piece).toString();
      return text;
    };
    const leave = async (text: string): Promise<void> => {
      const incoming = await destination.begin("a/b", CONTENT);
      await incoming.write(Buffer.from(text));
      await incoming.leave();
    };

    test("is in the next one of the same content, and gone from its place", async () => {
      await leave("be");
      assert.deepEqual(await readdir(join(folder, "a")), [`.rstuf-${CONTENT}.part`]);
      const other = await destination.begin("a/b", "cd34");
      assert.equal(await read(other.earlier), "");
      await other.discard();
      const incoming = await destination.begin("a/b", CONTENT);
      assert.equal(await read(incoming.earlier), "be");
      await incoming.write(Buffer.from("hind"));
      assert.equal(await readFile(await incoming.keep(), "utf8"), "behind");
      assert.deepEqual((await readdir(join(folder, "a"))).filter((name) => name.endsWith(".part")), []);
    });

    describe("by a process that was killed", () => {
      const host = hostname().replaceAll(/[^A-Za-z0-9]/g, "").slice(0, 32);
      const dead = spawnSync(process.execPath, ["--version"]).pid;
      const write = async (text: string, whose: string): Promise<string> => {
        await mkdir(join(folder, "a"), { recursive: true });
        const name = `.rstuf-${CONTENT}.${whose}-${randomBytes(12).toString("hex")}.part`;
        await writeFile(join(folder, "a", name), text);
        return name;
      };
      const earlier = async (): Promise<string> => {
        const incoming = await destination.begin("a/b", CONTENT);
        const text = await read(incoming.earlier);
        await incoming.discard();
        return text;
      };

      test("is taken up: the longest of several, and none stays", async () => {
        for (const text of ["b", "beh", "be"]) await write(text, `${host}-${dead}`);
        await write("behi", `${host}-${process.pid}`);
        assert.equal(await earlier(), "behi");
        assert.deepEqual(await readdir(join(folder, "a")), []);
      });

      test("is let be while its process lives, or when it is of another machine", async () => {
        const names = [await write("parent", `${host}-${process.ppid}`), await write("elsewhere", `other${host}-${dead}`)];
        const mine = await destination.begin("a/b", CONTENT);
        await mine.write(Buffer.from("mine"));
        assert.equal(await earlier(), "");
        assert.equal(await readFile(await mine.keep(), "utf8"), "mine");
        assert.deepEqual((await readdir(join(folder, "a"))).sort(), [...names, "b"].sort());
      });
    });

    test("has one of two who come at once", async () => {
      await leave("be");
      const both = await Promise.all([destination.begin("a/b", CONTENT), destination.begin("a/b", CONTENT)]);
      assert.deepEqual((await Promise.all(both.map(({ earlier }) => read(earlier)))).sort(), ["", "be"]);
      for (const each of both) await each.discard();
    });

    test("is copied: who left it open cannot change it any more", async () => {
      await leave("be");
      const held = await open(part(), "r+");
      const incoming = await destination.begin("a/b", CONTENT);
      await read(incoming.earlier);
      await held.write("XX", 0);
      await held.close();
      assert.equal(await readFile(await incoming.keep(), "utf8"), "be");
    });

    test("is not followed when it is a link, nor read when it is a folder", async () => {
      await put("a/c", "secret");
      await symlink(join(folder, "a", "c"), part());
      assert.equal(await read((await destination.begin("a/b", CONTENT)).earlier), "");
      await mkdir(part(), { recursive: true });
      assert.equal(await read((await destination.begin("a/b", CONTENT)).earlier), "");
      assert.equal(await readFile(join(folder, "a", "c"), "utf8"), "secret");
    });
  });

  test("what lies there is read when its length is right", async () => {
    await put("a", "hello");
    const pieces = await destination.existing("a", 5);
    assert.ok(pieces);
    let text = "";
    for await (const piece of pieces) text += Buffer.from(piece).toString();
    assert.equal(text, "hello");
    assert.equal(await destination.existing("a", 4), undefined);
    assert.equal(await destination.existing("b", 4), undefined);
  });

  test("a link in the file's place is replaced, not written through or read", async () => {
    const outside = join(base, "outside");
    await writeFile(outside, "outside");
    await mkdir(folder, { recursive: true });
    await symlink(outside, join(folder, "a"));
    assert.equal(await destination.existing("a", 7), undefined);
    await put("a", "mine");
    assert.equal(String(await readFile(outside)), "outside");
    assert.equal(String(await readFile(join(folder, "a"))), "mine");
  });

  test("a link in a folder's place is refused", async () => {
    const outside = join(base, "outside-folder");
    await mkdir(outside, { recursive: true });
    await mkdir(folder, { recursive: true });
    await symlink(outside, join(folder, "sub"));
    await writeFile(join(outside, "x"), "outside");
    assert.equal(await destination.existing("sub/x", 7), undefined);
    await assert.rejects(destination.begin("sub/x"), { code: "unsafe-name" });
    await assert.rejects(destination.begin("sub/deeper/x"), { code: "unsafe-name" });
    assert.deepEqual(await readdir(outside), ["x"]);
  });

  test("a file in a folder's place is refused, a folder in a file's place stays", async () => {
    await put("a", "file");
    await assert.rejects(destination.begin("a/b"), { code: "unsafe-name" });
    await mkdir(join(folder, "d"));
    const incoming = await destination.begin("d");
    await incoming.write(Buffer.from("x"));
    await assert.rejects(incoming.keep(), { code: "unwritable" });
    await incoming.discard();
    assert.deepEqual((await readdir(folder)).sort(), ["a", "d"]);
  });

  test("the folder itself may be a link: whoever names it means it", async () => {
    const real = join(base, "real");
    await mkdir(real, { recursive: true });
    await mkdir(join(folder, ".."), { recursive: true });
    await symlink(real, folder);
    await put("a", "x");
    assert.ok(await destination.existing("a", 1));
    assert.deepEqual(await readdir(real), ["a"]);
  });
});
