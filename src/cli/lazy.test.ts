import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "..", "..");
/** Tells which files are loaded, as they are. */
const TELL = `data:text/javascript,${encodeURIComponent('import { registerHooks } from "node:module"; registerHooks({ load(url, context, next) { process.stderr.write(url + "\\n"); return next(url, context); } });')}`;

test("a service that starts loads no library that it has no use for yet", () => {
  const { stderr, status } = spawnSync(process.execPath, ["--import", TELL, "--input-type=module", "-e", `await import(${JSON.stringify(join(ROOT, "src", "main", "serve.ts"))})`], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  const packages = new Set(stderr.split("\n").flatMap((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? []));
  assert.ok(packages.has("prom-client"), "what it needs at once is there");
  const later = ["fastify", "@aws-sdk/client-s3", "@azure/identity", "@azure/storage-blob", "@fastify/static", "@fastify/swagger", "@fastify/swagger-ui", "glob", "google-auth-library", "pg", "yaml"];
  assert.deepEqual(later.filter((name) => packages.has(name)), []);
});

test("the help of no command waits for what only running it needs", () => {
  // A script of completions is made of every command's help, and of nothing else.
  const { stderr, status } = spawnSync(process.execPath, ["--import", TELL, join(ROOT, "bin", "rstuf.js"), "completion", "bash"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  const loaded = stderr.split("\n").filter((url) => url.startsWith("file:"));
  assert.ok(loaded.some((url) => url.endsWith("/src/cli/commands/fsck.ts")), "every command is there");
  const packages = new Set(loaded.flatMap((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? []));
  assert.deepEqual([...packages].sort(), ["@noble/hashes", "commander"]);
  assert.deepEqual(loaded.filter((url) => /\/src\/(publisher|operations|fsck|drivers\/(database|storage))\/|\/src\/cli\/(ask|open-session|config-file)\.ts$|\/(custom-delegations|pending|plan)\.ts$|\/src\/(client\/|tuf\/(parse|trusted-set|threshold)\.ts)|\/src\/cli\/import\/(bring-in|upload|source|begun)|\/sdk\/client\.ts$/.test(url)), []);
});
