import assert from "node:assert/strict";
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, test } from "node:test";
import { ConfigFile } from "./config-file.ts";
import { CliError } from "./errors.ts";
import { headersOf, parseHeaders } from "./headers.ts";

const base = mkdtempSync(join(tmpdir(), "rstuf-config-"));
after(() => rmSync(base, { recursive: true, force: true }));
let folder = "";
let file = "";
beforeEach(() => {
  folder = mkdtempSync(join(base, "case-"));
  file = join(folder, ".rstuf.yml");
});

const WRITTEN = `# ours, ask Ann before you change it
server: https://a.example   # the old host answers until May
HEADERS:
  Authorization: Bearer x
# one repository a product
REPOSITORIES:
  # the first one
  tools:
    metadata_url: http://m
    hash_prefix: false
CURRENT_REPOSITORY: tools
`;

describe("ConfigFile", () => {
  test("is rewritten with its comments and order, mode 0600, nothing else left behind", async () => {
    writeFileSync(file, WRITTEN);
    chmodSync(file, 0o644);
    const config = await ConfigFile.read(file);
    config.set(["REPOSITORIES", "games", "metadata_url"], "http://g");
    config.set(["SERVER"], "https://b.example");
    assert.equal(config.text("REPOSITORIES", "games", "metadata_url"), "http://g");
    assert.equal(config.text("SERVER"), "https://b.example");
    config.delete(["CURRENT_REPOSITORY"]);
    await config.write();
    assert.equal(
      readFileSync(file, "utf8"),
      WRITTEN.replace("a.example   #", "b.example # ").replace("#  the", "# the").replace("hash_prefix: false\n", "hash_prefix: false\n  games:\n    metadata_url: http://g\n").replace("CURRENT_REPOSITORY: tools\n", ""),
    );
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(folder), [".rstuf.yml"]);
  });

  test("finds keys in any case, the exact one first", async () => {
    writeFileSync(file, "Server: x\nrepositories: { a: { Metadata_URL: m, metadata_url: n } }\n");
    const config = await ConfigFile.read(file);
    assert.equal(config.text("SERVER"), "x");
    assert.equal(config.text("REPOSITORIES", "a", "metadata_url"), "n");
    assert.deepEqual(config.get("REPOSITORIES"), { a: { Metadata_URL: "m", metadata_url: "n" } });
    assert.equal(config.get("SERVER", "deeper"), undefined);
    assert.equal(config.get("toString"), undefined);
  });

  test("reads what is not there, or is empty, as nothing; and makes it", async () => {
    const config = await ConfigFile.read(join(folder, "sub", "new.yml"));
    assert.equal(config.exists, false);
    config.set(["REPOSITORIES", "a", "metadata_url"], "m");
    await config.write();
    assert.equal(readFileSync(join(folder, "sub", "new.yml"), "utf8"), "REPOSITORIES:\n  a:\n    metadata_url: m\n");
    writeFileSync(file, "");
    assert.equal((await ConfigFile.read(file)).get("SERVER"), undefined);
  });

  test("replaces what a link leads to, not the link", async () => {
    const real = join(folder, "dotfiles.yml");
    writeFileSync(real, "SERVER: a\n");
    symlinkSync(real, file);
    const config = await ConfigFile.read(file);
    config.set(["SERVER"], "b");
    await config.write();
    assert.ok(lstatSync(file).isSymbolicLink());
    assert.equal(readFileSync(real, "utf8"), "SERVER: b\n");
  });

  for (const [name, text] of [["no YAML", "a: [b"], ["a list", "- a"], ["a key twice", "a: 1\na: 2"], ["a megabyte and more", `a: ${"x".repeat(1024 * 1024)}`]] as const) {
    test(`refuses ${name}, naming the file`, async () => {
      writeFileSync(file, text);
      await assert.rejects(ConfigFile.read(file), (error) => error instanceof CliError && error.code === "config-unreadable" && error.message.includes(file));
    });
  }

  test("refuses a text that is none, and aliases that multiply", async () => {
    writeFileSync(file, "SERVER: 5\n");
    const config = await ConfigFile.read(file);
    assert.throws(() => config.text("SERVER"), (error) => error instanceof CliError && error.code === "config-unreadable");
    const laughs = ["a: &a [x, x, x, x, x, x, x, x, x]", ..."bcdefgh".split("").map((name, index) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${"abcdefgh"[index]!}`).join(", ")}]`)].join("\n  ");
    writeFileSync(file, `REPOSITORIES:\n  ${laughs}\n`);
    const many = await ConfigFile.read(file);
    assert.throws(() => many.get("REPOSITORIES"));
  });

  test("says why it cannot be written, and leaves the old one and nothing beside it", async () => {
    writeFileSync(join(folder, "a-file"), "");
    const config = await ConfigFile.read(file);
    config.set(["SERVER"], "b");
    mkdirSync(file);
    await assert.rejects(config.write(), (error) => error instanceof CliError && error.code === "file-unwritable");
    assert.deepEqual(readdirSync(folder).sort(), [".rstuf.yml", "a-file"]);
  });
});

describe("headers", () => {
  test("are read as the Python CLI wrote them, and with commas in values", () => {
    assert.deepEqual(parseHeaders("Authorization: Bearer a:b, Content-Type: application/json"), { authorization: "Bearer a:b", "content-type": "application/json" });
    assert.deepEqual(parseHeaders("Accept: text/html, text/plain"), { accept: "text/html, text/plain" });
    assert.deepEqual(parseHeaders("X-From: a, https://b"), { "x-from": "a, https://b" });
    assert.deepEqual(headersOf({ "X-Number": 5, Authorization: "Bearer y" }, "f"), { "x-number": "5", authorization: "Bearer y" });
  });

  for (const text of ["no colon", ": x", "a b: c", "a: b\r\nc: d"]) {
    test(`refuses ${JSON.stringify(text)} without repeating what may be a token`, () => {
      assert.throws(() => parseHeaders(text), (error) => error instanceof CliError && error.code === "misused" && !error.message.includes("no colon"));
    });
  }
  test("refuses a list, and a header that is a mapping", () => {
    for (const value of [["a: b"], { a: { b: 1 } }]) assert.throws(() => headersOf(value, "f"), (error) => error instanceof CliError && error.code === "config-unreadable");
  });
});
