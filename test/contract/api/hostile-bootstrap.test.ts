// A bootstrap request with anything in the place of anything: answered with 202 or 422, never a 500, and then
// there is a whole repository, or one that waits for signatures, or nothing at all, not even a file.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createPublisherStage, type Stage } from "../../fakes/publisher-stage.ts";
import { createTestApi, HEADERS } from "./fixture.ts";

const days = (expiration: number): object => ({ expiration });
const ROLE = { name: "docs", terminating: true, keyids: [], threshold: 1, paths: ["docs/*"], "x-rstuf-expire-policy": 7 };

/** Every place in a document, the parents first. */
function placesOf(value: unknown, at: readonly string[] = []): (readonly string[])[] {
  const below = typeof value === "object" && value !== null ? Object.entries(value).flatMap(([name, member]) => placesOf(member, [...at, name])) : [];
  return at.length === 0 ? below : [at, ...below];
}

for (const kind of ["bins", "delegations"] as const) {
  test(`with ${kind}: whatever stands anywhere in it, all of it becomes true or nothing`, async () => {
    const seen = { refused: 0, errored: 0, waiting: 0, done: 0 };
    const roles = {
      root: days(365), targets: days(365), snapshot: days(1), timestamp: days(1),
      bins: kind === "bins" ? { expiration: 1, number_of_delegated_bins: 2 } : null, delegations: kind === "bins" ? null : { keys: {}, roles: [ROLE] },
    };
    const goodFor = ({ root }: Stage): object => structuredClone({ settings: { roles }, metadata: { root: JSON.parse(root.toString()) as object }, timeout: 300 });
    const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(null, 0, -1, 2 ** 53, "", "../evil", [], {}, "1", true, 1.5, "x".repeat(300)));
    await fc.assert(fc.asyncProperty(fc.constantFrom(...placesOf(goodFor(createPublisherStage()))), value, async (at, replaced) => {
      const stage = createPublisherStage();
      await stage.publisher.takeOver();
      const { app } = await createTestApi({ given: "fresh", deps: { database: stage.database, clock: stage.clock } });
      const payload = goodFor(stage) as Record<string, unknown>;
      // Keyids are other ones in every stage.
      const nameIn = (where: object, name: string): string => (Object.hasOwn(where, name) ? name : Object.keys(where)[0]!);
      const owner = at.slice(0, -1).reduce<Record<string, unknown>>((where, name) => where[nameIn(where, name)] as Record<string, unknown>, payload);
      owner[nameIn(owner, at.at(-1)!)] = replaced;
      const response = await app.inject({ method: "POST", url: "/api/v1/bootstrap/", headers: HEADERS, payload });
      assert.ok([202, 422].includes(response.statusCode), `${String(response.statusCode)} ${response.body}`);
      await stage.settle();
      const state = (await stage.database.setting("bootstrap")) ?? null;
      const names = stage.storage.names();
      if (response.statusCode === 422) {
        assert.deepEqual([state, names], [null, []]);
        seen.refused += 1;
        return;
      }
      const task = await stage.task(response.json<{ data: { task_id: string } }>().data.task_id);
      assert.notEqual(task.result, undefined, "its task has ended");
      if (task.result?.state !== "SUCCESS") {
        assert.deepEqual([state, names, (await stage.database.publisher()).seq], [null, [], 0], JSON.stringify(task.result));
        assert.ok((task.result?.error ?? task.result?.message ?? "") !== "");
        seen.errored += 1;
      } else if (typeof state === "string" && state.startsWith("signing-")) {
        assert.deepEqual([names, (await stage.database.publisher()).seq], [[], 0]);
        seen.waiting += 1;
      } else {
        assert.ok(["1.root.json", "timestamp.json"].every((name) => names.includes(name)), names.join());
        seen.done += 1;
      }
    }), { numRuns: 80, seed: 11 });
    assert.ok(seen.refused > 0 && seen.errored > 0 && seen.done > 0, JSON.stringify(seen));
  });
}
