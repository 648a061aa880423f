// Each engine and the fake do the same, whatever is asked of them in whatever order.

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { DatabaseError } from "../../../src/ports/database.ts";
import type { Database, Lease } from "../../../src/ports/database.ts";
import { everything } from "./cases-lease.ts";
import { openMemory } from "./memory.ts";
import { openPostgresSubject } from "./postgres.ts";
import { openSqliteSubject } from "./sqlite.ts";
import { accept, add, bins, commitOf, id, open, pressed, refresh, remove, START, success } from "./subject.ts";
import type { Subject } from "./subject.ts";

type Step =
  | { readonly do: "accept"; readonly paths: readonly number[]; readonly held: boolean; readonly release: boolean; readonly remove: boolean }
  | { readonly do: "cut"; readonly take: number; readonly skip: number }
  | { readonly do: "stageTasks" | "commit" | "drop" | "died" | "end" | "visible" | "take" | "reopen" | "forget" }
  | { readonly do: "fold"; readonly limit: number };

const steps = fc.array(fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("accept" as const), paths: fc.uniqueArray(fc.nat(4), { maxLength: 3 }), held: fc.boolean(), release: fc.boolean(), remove: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("cut" as const), take: fc.nat(5), skip: fc.nat(2) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom("stageTasks" as const, "commit" as const, "commit" as const, "drop" as const, "died" as const, "end" as const, "visible" as const, "take" as const, "forget" as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("fold" as const), limit: fc.integer({ min: 1, max: 6 }) }) },
), { minLength: 10, maxLength: 40 });

/** Does the steps; answers all that could be seen after each fold, and at the end. */
async function trace(subject: Subject, plan: readonly Step[]): Promise<unknown[]> {
  const db: Database = subject.database;
  const seen: unknown[] = [];
  let mine: Lease = (await db.takeLease("one", 1e6))!;
  let tasks = 0;
  let batches = 0;
  let cut: { batch: string; base: string; first: number; roles: readonly string[]; tasks: readonly string[] } | undefined;
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      seen.push(JSON.parse(JSON.stringify(await work() ?? null)));
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      seen.push(error.code);
    }
  };
  const foldUp = async (): Promise<void> => { while ((await db.fold(mine, 1000)).remaining); };
  for (const [n, step] of plan.entries()) {
    subject.setNow(START + n);
    switch (step.do) {
      case "accept": {
        const changes = step.paths.map((path) => path === 4 ? refresh("bins-0") : step.remove ? remove(`p${path}`) : add(`p${path}`, `bins-${path % 2}`, `{"n":${n}}`));
        await attempt(() => accept(db, tasks++ % 10, changes, { held: step.held, releaseHeld: step.release, task: { id: id(tasks), kind: "add_artifacts", createdMs: n, request: {} } }));
        break;
      }
      case "cut": {
        const changes = (await open(db)).slice(step.skip, step.skip + step.take);
        const roles = [...new Set(changes.map(({ role }) => role))].sort();
        const batch = id(1000 + batches++);
        const { head: base } = await db.publisher();
        const { firstVersion: first } = await db.cut(mine, {
          id: batch, base, roles, changes: changes.map((change) => ({ id: change.id, task: change.task, role: change.role, outcome: change.held ? "absorbed" : "apply" })),
        });
        await db.stageResults(mine, batch, roles.map((role, i) => pressed(role, first + i, first)));
        cut = { batch, base, first, roles, tasks: [...new Set(changes.map(({ task }) => task))] };
        break;
      }
      case "stageTasks": if (cut) { const { batch, tasks: ids } = cut; await attempt(() => db.stageTaskResults(mine, batch, ids.map((task) => ({ task, result: success(n) })))); } break;
      case "commit": if (cut) { const { batch, ...rest } = cut; await attempt(() => db.commit(mine, commitOf(batch, rest, { newRoles: bins(rest.roles), garbageNotBeforeMs: n }))); } break;
      case "drop": case "died": if (cut) { const { batch } = cut; await attempt(() => db.dropBatch(mine, batch, step.do === "died")); } break;
      case "end": await attempt(() => db.endTasks(mine, [{ task: id(1 + n % (tasks + 1)), result: success(n) }])); break;
      case "visible": await attempt(async () => db.markVisible(mine, (await db.publisher()).seq)); break;
      case "take": mine = (await db.takeLease("one", 1e6))!; break;
      case "fold": await db.fold(mine, step.limit); break;
      case "forget": await foldUp(); await db.forgetBefore(mine, { tasksMs: n - 5, committedMs: 0, idempotencyMs: n, noticesMs: 0, mostNotices: 1e9 }, 100); break;
      case "reopen": break;
    }
    seen.push(JSON.parse(JSON.stringify([await open(db), await db.backlog(), await db.openBatches(), await db.publisher()])));
  }
  await foldUp();
  seen.push(await everything(db));
  seen.push((await db.notices("", 1000)).rows.map(({ kind, about, atMs }) => ({ kind, about, atMs })));
  seen.push(JSON.parse(JSON.stringify([(await db.tasks({}, undefined, 100)).rows, await db.artifacts({}, undefined, 100)])));
  const { head } = await db.publisher();
  seen.push([...await db.readTargets(head, ["bins-0", "bins-1"])]);
  return seen;
}

for (const { engine, openSubject, runs } of [
  { engine: "SQLite", openSubject: openSqliteSubject, runs: 15 },
  { engine: "PostgreSQL", openSubject: openPostgresSubject, runs: 10 },
]) {
  test(`${engine} and the fake answer alike, step by step`, { timeout: 240_000 }, async () => {
    await fc.assert(fc.asyncProperty(steps, async (plan) => {
      const [real, memory] = [await openSubject(), await openMemory()];
      try {
        assert.deepEqual(await trace(real, plan), await trace(memory, plan));
      } finally {
        await real.close();
        await memory.close();
      }
    }), { numRuns: runs, endOnFailure: true });
  });
}
