import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { OpenChange, OpenLimit } from "../ports/database.ts";
import { binIndexOf } from "../tuf/bins.ts";
import { gather } from "./gather.ts";

const LIMIT = { changes: 20_000, bytes: 1e9 };

describe("what a long batch takes of an import", () => {
  test("comes in pieces, one behind the other, as much as was asked for", async () => {
    const { database, asked } = importOf(12_000);
    const { changes: open } = await gather(database, { ...LIMIT, imported: 5_000 }, () => false);
    assert.equal(open.length, 5_000);
    assert.equal(new Set(open.map(({ id }) => id)).size, 5_000);
    assert.deepEqual(asked.map(({ imported }) => imported), [2_000, 2_000, 1_000]);
  });

  test("ends where it ends", async () => {
    const { database } = importOf(4_000);
    assert.equal((await gather(database, { ...LIMIT, imported: 7_000 }, () => false)).changes.length, 4_000);
  });

  test("is one piece when somebody is there who asked for something else", async () => {
    const { database, asked } = importOf(12_000);
    assert.equal((await gather(database, { ...LIMIT, imported: 7_000 }, () => true)).changes.length, 2_000);
    assert.equal(asked.length, 1);
  });

  test("holds no more bytes than a batch may", async () => {
    const { database, asked } = importOf(12_000);
    await gather(database, { ...LIMIT, bytes: 3_000, imported: 7_000 }, () => false);
    assert.equal(asked.length, 1);
  });

  test("keeps the first word on what comes twice", async () => {
    const { database, changes } = importOf(4_000);
    const last = changes[3_999]!;
    const openChanges = (limit: OpenLimit): Promise<readonly OpenChange[]> =>
      database.openChanges(limit).then((piece) => (limit.behind === undefined ? [...piece, { ...last, held: true }] : piece));
    const { changes: open } = await gather({ openChanges }, { ...LIMIT, imported: 4_000 }, () => false);
    assert.deepEqual([open.length, open.find(({ id }) => id === last.id)?.held], [4_000, true]);
  });
});

function importOf(count: number) {
  const changes = Array.from({ length: count }, (_, id): OpenChange => ({ id, task: "t", kind: "add", role: "bins-0", path: `dir/${String(id)}`, fragment: "{}", attempts: 0, attemptsAlone: 0, held: false, imported: true }))
    .map((change) => ({ change, place: binIndexOf(32, change.path) })).sort((a, b) => a.place - b.place);
  const asked: OpenLimit[] = [];
  const openChanges = (limit: OpenLimit): Promise<readonly OpenChange[]> => {
    asked.push(limit);
    const from = changes.findIndex(({ place }) => place > (limit.behind?.place ?? -1));
    return Promise.resolve(from < 0 ? [] : changes.slice(from, from + (limit.imported ?? 0)).map(({ change }) => change));
  };
  return { database: { openChanges }, asked, changes: changes.map(({ change }) => change) };
}
