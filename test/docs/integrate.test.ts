// docs/integrate/ci.md and docs/operate/tokens.md, run as written.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { startProgram, type RunningService } from "../demo/running-service.ts";
import { blocks, sh, type Ended } from "./pages.ts";

const folder = mkdtempSync(join(tmpdir(), "rstuf-ci-"));
const dataDir = join(folder, "data");
const file = join(folder, "app-1.0.tar.gz");
let service: RunningService;
let token: string;

before(async () => {
  const [, making] = [...blocks("docs/operate/tokens.md", ""), ...blocks("docs/operate/tokens.md", "sh")];
  const made = await sh(`${making!}\nprintf %s "$TOKEN"`, { cwd: folder });
  assert.equal(made.code, 0, made.stderr);
  token = made.stdout;
  assert.match(token, /^[0-9a-f]{64}$/);
  service = await startProgram(["serve", "--trial", "--port", "0", "--bins", "16", "--data-dir", dataDir], { RSTUF_API_TOKENS_FILE: join(folder, "tokens") });
  writeFileSync(file, "an application, version 1.0");
  mkdirSync(join(dataDir, "files", "app"), { recursive: true });
  writeFileSync(join(dataDir, "files", "app", "app-1.0.tar.gz"), readFileSync(file));
});

after(async () => {
  await service.stop("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

async function step(variables: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const [script, ...others] = blocks("docs/integrate/ci.md", "sh");
  assert.equal(others.length, 0, "ci.md holds one step");
  return sh(script!, { environment: { RSTUF_URL: service.origin, RSTUF_TOKEN: token, FILE: file, ARTIFACT: "app/app-1.0.tar.gz", ...variables } });
}

async function download(path: string): Promise<Ended> {
  const places = `--metadata-url ${service.origin}/metadata/ --artifacts-url ${service.origin}/files/`;
  return sh(`./rstuf download '${path}' --root '${join(dataDir, "trusted", "1.root.json")}' ${places} --cache-dir '${join(folder, "cache")}' --output-dir '${join(folder, "got")}'`);
}

describe("docs/integrate/ci.md", () => {
  test("has ten lines", () => {
    assert.equal(blocks("docs/integrate/ci.md", "sh")[0]!.trimEnd().split("\n").length, 10);
  });

  test("the step exits 0, and the artifact is downloaded verified", async () => {
    const ended = await step();
    assert.equal(ended.code, 0, `${ended.stdout}${ended.stderr}`);
    assert.match(ended.stdout, /^published app\/app-1\.0\.tar\.gz$/m);
    const got = await download("app/app-1.0.tar.gz");
    assert.equal(got.code, 0, got.stderr);
    assert.deepEqual(readFileSync(join(folder, "got", "app", "app-1.0.tar.gz")), readFileSync(file));
  });

  test("the step may run again", async () => {
    assert.equal((await step()).code, 0);
  });

  for (const [name, variables, says] of [
    ["a path no client could read", { ARTIFACT: "app/../../app-1.0.tar.gz" }, /422|detail/],
    ["a foreign token", { RSTUF_TOKEN: "0".repeat(64) }, /401|token/],
    ["no token", { RSTUF_TOKEN: "" }, /401|token/],
    ["a file that is not there", { FILE: "/nonexistent/app.tar.gz" }, /./],
    ["a service that is not there", { RSTUF_URL: "http://127.0.0.1:1" }, /connect/i],
  ] as const) {
    test(`the step fails and says why: ${name}`, async () => {
      const ended = await step({ ARTIFACT: "app/refused.tar.gz", ...variables });
      assert.notEqual(ended.code, 0, ended.stdout);
      assert.match(ended.stderr, says);
      assert.notEqual((await download("app/refused.tar.gz")).code, 0);
    });
  }
});

describe("docs/operate/tokens.md", () => {
  test("the example file is one", async () => {
    const [example] = blocks("docs/operate/tokens.md", "");
    const path = join(folder, "example-tokens");
    writeFileSync(path, example!);
    const started = await startProgram(["serve", "--port", "0", "--data-dir", join(folder, "example")], { RSTUF_API_TOKENS_FILE: path });
    try {
      assert.equal((await fetch(`${started.origin}/api/v1/bootstrap/`)).status, 401);
      // The second line of the example is the sha256 of "123".
      assert.equal((await fetch(`${started.origin}/api/v1/bootstrap/`, { headers: { authorization: "Bearer 123" } })).status, 200);
    } finally {
      await started.stop("SIGKILL");
    }
  });
});
