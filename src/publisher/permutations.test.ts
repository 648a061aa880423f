import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createPublisherStage, type Stage } from "../../test/fakes/publisher-stage.ts";

const PATHS = ["a", "b", "c/d", "e", "f"] as const;

/** path -> length of what is published. */
async function published(stage: Stage): Promise<Map<string, number>> {
  const roles = (await stage.database.roles()).filter((role) => role.kind === "bins").map((role) => role.role);
  const targets = await stage.database.readTargets((await stage.database.publisher()).head, roles);
  return new Map([...targets.values()].flat().map(({ path, fragment }) => [path, (JSON.parse(fragment) as { length: number }).length]));
}

test("however changes are spread over publishes, the last word on each path is what is published", async () => {
  const change = fc.record({ path: fc.constantFrom(...PATHS), length: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }), publish: fc.boolean() });
  await fc.assert(fc.asyncProperty(fc.array(change, { maxLength: 12 }), fc.integer({ min: 1, max: 4 }), async (changes, maxBatchChanges) => {
    const stage = createPublisherStage({ policy: { maxBatchChanges } });
    await stage.bootstrap(2);
    const expected = new Map<string, number>();
    for (const { path, length, publish } of changes) {
      if (length === undefined) {
        await stage.remove([path]);
        expected.delete(path);
      } else {
        await stage.add([path], { length });
        expected.set(path, length);
      }
      if (publish) await stage.settle();
    }
    await stage.settle();
    assert.deepEqual(new Map([...(await published(stage))].sort()), new Map([...expected].sort()));
  }), { numRuns: 60 });
});

test("changes to different paths leave the same artifacts in any order", async () => {
  await fc.assert(fc.asyncProperty(fc.shuffledSubarray([...PATHS], { minLength: PATHS.length }), async (order) => {
    const stage = createPublisherStage();
    await stage.bootstrap(2);
    for (const path of order) {
      await stage.add([path], { length: PATHS.indexOf(path) + 1 });
      await stage.settle();
    }
    assert.deepEqual(new Map([...(await published(stage))].sort()), new Map(PATHS.map((path, at) => [path as string, at + 1] as const).sort()));
  }), { numRuns: 20 });
});
