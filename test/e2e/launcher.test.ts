// ./rstuf, as pasted from the documentation: from any folder, through a link, with the
// program's own exit code and signals.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";

const checkout = dirname(dirname(import.meta.dirname));
const { version } = JSON.parse(readFileSync(join(checkout, "package.json"), "utf8")) as { version: string };
const folder = mkdtempSync(join(tmpdir(), "rstuf-launch-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const run = (command: string, args: readonly string[], cwd: string) => spawnSync(command, args, { cwd, encoding: "utf8" });

describe("the launcher", () => {
  test("runs in the checkout and in any other folder", () => {
    assert.equal(run("./rstuf", ["--version"], checkout).stdout, `${version}\n`);
    assert.equal(run(join(checkout, "rstuf"), ["--version"], folder).stdout, `${version}\n`);
  });

  test("runs through links, relative ones too, whose folder has a space", () => {
    const odd = join(folder, "a b");
    mkdirSync(odd);
    symlinkSync(join(checkout, "rstuf"), join(odd, "first"));
    symlinkSync("first", join(odd, "second"));
    assert.equal(run(join(odd, "second"), ["--version"], "/").stdout, `${version}\n`);
    assert.equal(run("./a b/second", ["--version"], folder).stdout, `${version}\n`);
  });

  test("hands on the exit code and the arguments as they are", () => {
    assert.equal(run(join(checkout, "rstuf"), ["nonsense"], folder).status, 2);
    const { stderr, status } = run(join(checkout, "rstuf"), ["key", "info", "no such $(file)"], folder);
    assert.equal(status, 1);
    assert.ok(stderr.includes("no such $(file)"), stderr);
  });

  test("says what to do where nothing is installed", () => {
    const bare = join(folder, "bare");
    mkdirSync(bare);
    writeFileSync(join(bare, "rstuf"), readFileSync(join(checkout, "rstuf")), { mode: 0o755 });
    const { stderr, status } = run(join(bare, "rstuf"), ["--version"], folder);
    assert.match(stderr, /npm ci/);
    assert.equal(status, 1);
  });

  test("stops quietly when nobody reads on", () => {
    const { stderr, status } = run("sh", ["-c", `"${join(checkout, "rstuf")}" key info ${"/none ".repeat(5)} --json | true; echo done`], folder);
    assert.equal(status, 0);
    assert.doesNotMatch(stderr, /EPIPE|\n {4}at /);
  });
});
