// What docs/operate/buckets.md shows is configuration; the libraries agree with what develops them.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { storageOrderOf } from "../../src/main/storage.ts";
import { blocks, page } from "./pages.ts";

const folder = mkdtempSync(join(tmpdir(), "rstuf-bucket-page-"));
after(() => { rmSync(folder, { recursive: true, force: true }); });

describe("docs/operate/buckets.md", () => {
  const secret = join(folder, "secret");
  writeFileSync(secret, "hunter2\n");
  for (const [at, text] of blocks("docs/operate/buckets.md", "yaml").entries()) {
    test(`the ${String(at + 1)}. example is a configuration`, () => {
      const file = join(folder, `${String(at)}.yaml`);
      writeFileSync(file, text.replaceAll(/\/run\/secrets\/\S+/g, secret));
      assert.notEqual(storageOrderOf(loadConfig({ configFile: file, environment: {}, cwd: folder }).config).kind, "folder");
    });
  }
});

test("optional libraries have one version, for users and for development", () => {
  const { optionalDependencies } = JSON.parse(page("package.json")) as { optionalDependencies: Record<string, string> };
  const clouds = JSON.parse(page("tools/clouds/package.json")) as { dependencies: Record<string, string> };
  assert.deepEqual(optionalDependencies, clouds.dependencies);
});
