import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createPublisherStage } from "../../test/fakes/publisher-stage.ts";
import { pressRoles, type Passing } from "./press.ts";
import { readHead } from "./read-head.ts";
import { Sealer } from "./seal.ts";

describe("roles that are pressed while others may pass", () => {
  test("are read again when the head moved while they were read", async () => {
    const { pressed, heads } = await press((head) => head);
    assert.deepEqual((await pressed).results.map(({ role }) => role), ["bins-0", "bins-1"]);
    assert.equal(heads.length, 2);
  });

  test("are not read again when it did not: somebody else publishes", async () => {
    const { pressed } = await press(() => "still another");
    await assert.rejects(pressed, { code: "stale-base" });
  });
});

/** Presses two bins with a head that is not the database's, until others have passed: then it is `moved`. */
async function press(moved: (head: string) => string) {
  const stage = createPublisherStage();
  await stage.bootstrap(4);
  const { database, deps } = stage;
  const head = (await readHead(database, await database.publisher(), deps.policy.snapshotHashes))!;
  const heads: string[] = [];
  const readTargets = database.readTargets.bind(database);
  database.readTargets = (base, roles) => {
    heads.push(base);
    return readTargets(base, roles);
  };
  let id = moved(head.id) === head.id ? "of before" : "still another";
  const overtaking: Passing = {
    get head() { return { id }; },
    pass: () => {
      if (heads.length > 0) id = moved(head.id);
      return Promise.resolve();
    },
    passed: () => Promise.resolve(), during: (work) => work,
  };
  const account = { require: () => undefined, keep: () => Promise.resolve(), move: () => Promise.resolve(), allocate: () => Promise.reject(new Error("no name is taken")) };
  const order = { head, roles: ["bins-0", "bins-1"], edits: new Map(), firstVersion: 1_000, nowMs: stage.clock.now(), overtaking };
  return { heads, pressed: pressRoles(deps, account, new Sealer(deps), order) };
}
