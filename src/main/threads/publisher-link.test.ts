// What storage refuses at a start is told in its own words, once, whichever of the thread's messages comes first.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { TEST_POLICY } from "../../../test/fakes/publisher-stage.ts";
import { createMemoryTelemetry } from "../../../test/fakes/telemetry.ts";
import { AppError } from "../../lib/app-error.ts";
import { openDatabase } from "../database.ts";
import { startPublisher } from "./publisher-link.ts";

test("storage that can't be used is refused by name, and its end is told once", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "rstuf-publisher-"));
  const directory = join(folder, "metadata");
  await writeFile(directory, "no folder");
  const opened = await openDatabase({ kind: "sqlite", file: join(folder, "rstuf.db") }, () => undefined);
  t.after(async () => {
    await opened.database.close();
    await rm(folder, { recursive: true, force: true });
  });
  const died: Error[] = [];
  const order = {
    storage: { kind: "folder", directory }, purge: undefined, signers: { keyDir: folder, allow: [], password: undefined, passwordFile: undefined },
    sigstoreTrustedRoot: undefined, logLevel: "silent", policy: TEST_POLICY,
  } as const;
  const failure = await startPublisher(opened, order, createMemoryTelemetry().metrics, (error) => { died.push(error); }).then(() => undefined, (error: unknown) => error);
  assert.ok(failure instanceof AppError);
  assert.match(failure.message, /metadata/);
  assert.deepEqual(died, [failure]);
});
