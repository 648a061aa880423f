// One attack, played against our client and against tuf-js.
//
// A scene says what the repository showed a client before (`seen`), what the attacker shows
// it now (`served`, `artifacts`), and which artifact it asks for. Our client must refuse with
// the code the test names; tuf-js must refuse too, or find nothing.

import assert from "node:assert/strict";
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { Updater } from "tuf-js";
import { AppError } from "../../src/lib/app-error.ts";
import { createStage, ARTIFACTS_URL, METADATA_URL } from "../fakes/client-setup.ts";
import type { RepositoryBuilder } from "../fakes/repository-builder.ts";
import { openWebServer, ZEROS } from "../fakes/web-server.ts";
import type { WebAnswer as Answer } from "../fakes/web-server.ts";

export type { WebAnswer as Answer } from "../fakes/web-server.ts";

export interface Scene {
  readonly repository: RepositoryBuilder;
  readonly path: string;
  /** Files a client refreshed on, and found `path` in, before the attack. None: it is new. */
  readonly seen?: ReadonlyMap<string, Buffer>;
  /** Default: what the repository published. */
  readonly served?: ReadonlyMap<string, Answer>;
  readonly artifacts?: ReadonlyMap<string, Answer>;
}

/** What our client must say, or `"downloads"` where the point is that it does. */
export interface Expected {
  readonly code: string;
  /** The reason in words a person gets. */
  readonly says?: RegExp;
  /** False where tuf-js does otherwise; with the reason. */
  readonly tufJs?: { readonly differs: string };
}

/** Now, for documents whose expiry tuf-js compares with the real clock; whole seconds. */
export const ATTACK_NOW = Math.floor(Date.now() / 1000) * 1000;

/** The body of an attack's test: `test("named after the attack", attack(expected, scene))`. */
export function attack(expected: Expected, scene: () => Scene): (context: TestContext) => Promise<void> {
  return async (context) => {
    await context.test("our client", () => playOurs(scene(), expected));
    if (expected.tufJs === undefined) await context.test("tuf-js", () => playTufJs(scene(), expected));
  };
}

async function playOurs(scene: Scene, expected: Expected): Promise<void> {
  const stage = createStage(scene.repository);
  if (scene.seen !== undefined) {
    stage.serve(scene.seen);
    await stage.client().refresh();
    await stage.client().find(scene.path);
  }
  stage.serve();
  let endlessBytes = 0;
  const show = (base: string, files: ReadonlyMap<string, Answer>) => {
    for (const [name, answer] of files) {
      if (answer === "endless") stage.fetcher.web.set(base + name, endless((bytes) => (endlessBytes += bytes)));
      else if (answer === "stalled") stage.fetcher.web.set(base + name, stalled());
      else stage.fetcher.web.set(base + name, answer);
    }
  };
  if (scene.served !== undefined) {
    stage.fetcher.web.clear();
    show(METADATA_URL, scene.served);
    show(ARTIFACTS_URL, scene.repository.artifacts);
  }
  if (scene.artifacts !== undefined) show(ARTIFACTS_URL, scene.artifacts);

  const outcome = stage.client().download(scene.path, stage.destination).then(
    () => undefined,
    (error: unknown) => error,
  );
  const isStalled = [...(scene.served?.values() ?? []), ...(scene.artifacts?.values() ?? [])].includes("stalled");
  if (isStalled) {
    await stage.clock.whenSleeping();
    await outcomeWithTime(outcome, stage.clock);
  }
  const refusal = await outcome;
  if (expected.code === "downloads") {
    assert.equal(refusal, undefined);
    assert.ok(stage.destination.files.has(scene.path));
    return;
  }
  assert.ok(refusal instanceof AppError, `accepted, or failed otherwise: ${String(refusal)}`);
  assert.equal(refusal.code, expected.code, refusal.message);
  if (expected.says !== undefined) assert.match(refusal.message, expected.says);
  assert.equal(stage.destination.files.size, 0, "nothing was put in place");
  assert.equal(stage.destination.open.size, 0, "nothing was left open");
  assert.ok(endlessBytes <= 8_000_000, `read ${String(endlessBytes)} bytes of an endless file`);
}

/** Moves the fake clock on while nothing else happens. */
async function outcomeWithTime(outcome: Promise<unknown>, clock: { advance(ms: number): Promise<void> }): Promise<void> {
  const settled = { over: false };
  void outcome.then(() => (settled.over = true));
  for (let step = 0; step < 100 && !settled.over; step += 1) await clock.advance(10_000);
}

async function playTufJs(scene: Scene, expected: Expected): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "attack-"));
  const metadataDir = join(folder, "metadata");
  const targetDir = join(folder, "targets");
  await mkdir(metadataDir);
  await mkdir(targetDir);
  let files: ReadonlyMap<string, Answer> = new Map();
  const server = await openWebServer((name) => files.get(name));
  try {
    const base = server.url;
    const firstRoot = scene.repository.files.get("1.root.json");
    assert.ok(firstRoot);
    await writeFile(join(metadataDir, "root.json"), firstRoot);
    const updater = () =>
      new Updater({
        metadataDir,
        metadataBaseUrl: `${base}/metadata`,
        targetDir,
        targetBaseUrl: `${base}/files`,
        config: { prefixTargetsWithHash: false, fetchTimeout: 300, fetchRetry: 0 },
      });
    if (scene.seen !== undefined) {
      files = new Map(under("metadata/", scene.seen));
      await updater().getTargetInfo(scene.path);
    }
    files = new Map([
      ...under("metadata/", scene.served ?? scene.repository.files),
      ...under("files/", scene.repository.artifacts),
      ...under("files/", scene.artifacts ?? new Map()),
    ]);
    const play = async (): Promise<boolean> => {
      const client = updater();
      const found = await client.getTargetInfo(scene.path);
      if (found === undefined) return false;
      await client.downloadTarget(found);
      return true;
    };
    if (expected.code === "downloads") assert.equal(await play(), true);
    else assert.equal(await play().catch(() => false), false, "tuf-js accepted it");
  } finally {
    await server.close();
    await rm(folder, { recursive: true });
  }
}

function under(folder: string, files: ReadonlyMap<string, Answer>): [string, Answer][] {
  return [...files].map(([name, answer]) => [folder + name, answer]);
}

async function* endless(count: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for (;;) {
    count(ZEROS.length);
    yield ZEROS;
  }
}

async function* stalled(): AsyncGenerator<Uint8Array> {
  yield Buffer.from("{");
  await new Promise(() => undefined); // ignores every signal
}
