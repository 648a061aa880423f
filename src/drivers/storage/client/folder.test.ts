import { after, before, beforeEach, describe, test } from "node:test";
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
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
