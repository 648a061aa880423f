// Imports for the tests of the publisher, and what goes on beside them.

import { delegationTreeOf, ownerOf } from "../../src/roles/delegation.ts";
import { binIndexOf } from "../../src/tuf/bins.ts";
import { parseEnvelope } from "../../src/tuf/parse.ts";
import { createPublisherStage, type Stage } from "./publisher-stage.ts";

export const fragment = (length: number): string => `{"hashes":{"sha256":"${"cd".repeat(32)}"},"length":${String(length)}}`;

/** Answers the task. */
export async function imports(stage: Stage, paths: readonly string[], length = 7): Promise<string> {
  const id = stage.deps.random.hex(16);
  const targets = await stage.database.envelope("targets");
  const tree = delegationTreeOf(parseEnvelope(targets!.bytes, "targets").signed);
  const writer = stage.deps.random.hex(16);
  await stage.database.openImport({ task: id, principal: "", key: id, writer, maxChanges: 100_000, maxOpen: 10 });
  const changes = paths.map((path) => ({ kind: "add" as const, role: ownerOf(tree, path)!, path, fragment: fragment(length) }));
  await stage.database.stageImport({ task: id, writer, after: 0, lines: paths.length, invalid: 0, changes });
  await stage.database.accept({
    task: { id, kind: "import_artifacts", createdMs: stage.clock.now(), request: { imported: { lines: paths.length, invalid: 0 } } },
    changes: [], held: false, import: { writer, lines: paths.length }, limits: { changes: 1, bytes: 1 },
  });
  return id;
}

export const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `dir/file-${String(i)}`);

export const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** An import of which the first batch has whole bins, a third of them, with what is cut and committed, in order, and what is published `beside` it: batches of few changes. */
export async function long(policy: { readonly lingerMs?: number } = {}) {
  const byPlace = many(3000).sort((a, b) => binIndexOf(32, a) - binIndexOf(32, b));
  const stage = createPublisherStage({ policy: { ...policy, maxBatchChanges: byPlace.filter((path) => binIndexOf(6, path) < 21).length } });
  await stage.bootstrap(64);
  await imports(stage, byPlace);
  const { database } = stage;
  const [cut, commit, markVisible] = [database.cut.bind(database), database.commit.bind(database), database.markVisible.bind(database)];
  const [batches, commits]: [string[], string[]] = [[], []];
  const beside = { batches: 0, isPublished: false, folds: 0 };
  database.cut = async (lease, batch, rest) => {
    batches.push(batch.id);
    const isFew = batch.changes.length < 10;
    if (isFew) beside.batches += 1;
    const answer = await cut(lease, batch, rest);
    // A call that was under way may end.
    if (isFew) await turns(5);
    beside.isPublished = isFew;
    if (isFew) await turns(5);
    return answer;
  };
  database.commit = (lease, order) => {
    commits.push(order.batch);
    return commit(lease, order);
  };
  database.markVisible = async (...args) => {
    await markVisible(...args);
    beside.isPublished = false;
  };
  return { stage, byPlace, batches, commits, beside };
}

/** Rows that follow their batch, kept on their way while told to. */
export function heldRows({ database }: ReturnType<typeof createPublisherStage>) {
  const fold = database.fold.bind(database);
  const held: (() => void)[] = [];
  let holds = false;
  database.fold = async (...args) => {
    if (holds) await new Promise<void>((resolve) => held.push(resolve));
    return fold(...args);
  };
  return {
    get held() { return held.length; },
    hold: () => { holds = true; },
    letGo: () => {
      holds = false;
      for (const go of held.splice(0)) go();
    },
  };
}
