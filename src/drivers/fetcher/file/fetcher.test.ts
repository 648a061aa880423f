import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { assertCode, bodyOf } from "../../../../test/contract/fetcher/suite.ts";
import { createFileFetcher, folderUrl } from "./fetcher.ts";

const root = fs.mkdtempSync(join(tmpdir(), "rstuf-file-"));
after(() => fs.rmSync(root, { recursive: true }));
const fetcher = createFileFetcher();

describe("file fetcher", () => {
  for (const url of ["http://127.0.0.1/", "file://elsewhere/a", "/etc/hostname", "", "file:///a%2Fb"]) {
    test(`${JSON.stringify(url)} is no file of this machine: \`unavailable\``, () => assertCode("unavailable", bodyOf(fetcher, url)));
  }
  test("a folder is `not-found`", () => assertCode("not-found", bodyOf(fetcher, folderUrl(root))));
  test("a name below a file is `not-found`", async () => {
    fs.writeFileSync(join(root, "plain"), "a");
    await assertCode("not-found", bodyOf(fetcher, `${folderUrl(root)}plain/below`));
  });
  test("a pipe is `not-found`, and does not hold the fetch", async () => {
    execFileSync("mkfifo", [join(root, "pipe")]);
    await assertCode("not-found", bodyOf(fetcher, `${folderUrl(root)}pipe`));
  });
  test("a folder's URL ends with one slash, whatever its name", () => {
    assert.equal(folderUrl("/srv/meta data#1"), "file:///srv/meta%20data%231/");
    assert.equal(folderUrl("/srv/metadata/"), "file:///srv/metadata/");
  });
});
