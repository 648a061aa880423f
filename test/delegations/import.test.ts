// Delegations that change while an import is published: whatever was read and planned of it before is planned again.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { imports, many } from "../fakes/long-import.ts";
import { createWorld } from "./world.ts";

describe("an import whose next batch was read", () => {
  test("goes where delegations say by then", { timeout: 60_000 }, async () => {
    const world = await createWorld({ policy: { maxBatchChanges: 300 } });
    const { stage } = world;
    await world.bootstrap([{ name: "others", paths: ["others/*"] }], {}, 64);
    const paths = many(1_500);
    const task = await imports(stage, paths);
    const openChanges = stage.database.openChanges.bind(stage.database);
    let ahead = 0;
    stage.database.openChanges = (limit) => {
      if (limit.behind !== undefined) ahead += 1;
      return openChanges(limit);
    };
    await stage.publisher.turn();
    assert.ok(ahead > 0, "it was read ahead");
    const { state } = await world.delegate([{ name: "files", paths: ["dir/*"] }]);
    assert.equal(state, "SUCCESS");
    assert.equal((await stage.task(task)).result?.state, "SUCCESS");
    assert.deepEqual([...new Set(await world.owners(...paths.filter((_, i) => i % 50 === 0)))], ["files"]);
    await world.fsck();
  });
});
