// The storage contract on the fake and on the folder driver; and the contract itself,
// shown to refuse every storage that breaks one of its promises.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BROKEN_STORAGES } from "./broken.ts";
import { folderHarness, memoryHarness, volatileHarness } from "./harnesses.ts";
import { runCase, STORAGE_CASES, storageContract } from "./suite.ts";

storageContract("memory", async () => memoryHarness());
storageContract("posix, on this disk", async () => folderHarness());
storageContract("posix, on a disk that forgets", async () => volatileHarness());
storageContract("posix, each file synced by itself, on a disk that forgets", async () => volatileHarness(() => ({}), { flushFrom: Infinity, concurrency: 3 }));

describe("the storage contract refuses a storage that", () => {
  for (const broken of BROKEN_STORAGES) {
    for (const name of broken.refusedBy) {
      test(`${broken.name} (${name})`, async () => {
        const storageCase = STORAGE_CASES.find((each) => each.name === name);
        assert.ok(storageCase !== undefined, `there is a case "${name}"`);
        await assert.rejects(runCase(storageCase, async () => broken.harness()), assert.AssertionError);
      });
    }
  }
});
