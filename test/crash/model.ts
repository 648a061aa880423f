// What must be true, kept beside what is: every accepted change in order, and what clients saw.
//
// Each add carries a length of its own, so that what a client sees on a path names the change
// that put it there. From that follow: nothing older than what was seen is seen again, nothing
// held is seen before its release, SUCCESS means seen, and in the end the last word counts.

import assert from "node:assert/strict";
import type { AcceptRequest, TaskRow } from "../../src/ports/database.ts";

interface Change {
  readonly order: number;
  readonly path: string;
  /** The length an add carries; undefined removes. */
  readonly length: number | undefined;
  readonly task: ModelTask;
}

interface ModelTask {
  readonly id: string;
  readonly changes: Change[];
  held: boolean;
  /** Where in the database's history it was accepted. */
  readonly at: number;
}

export class Model {
  readonly tasks = new Map<string, ModelTask>();
  #order = 0;
  readonly #byLength = new Map<number, Change>();
  readonly #byPath = new Map<string, Change[]>();
  /** The change that was seen last on a path. */
  readonly #seen = new Map<string, number>();
  #now: ReadonlyMap<string, number> = new Map();
  /** Paths whose changes were set aside, as a task's result told. */
  readonly #aside = new Set<Change>();

  /** Tasks of what somebody stopped: they must fail. */
  readonly #stopped = new Set<string>();
  /** Tasks that may end either way. */
  readonly #free = new Set<string>();

  /** A request took effect at position `at` of the database's history. */
  accepted(request: AcceptRequest, at: number): void {
    if (request.releaseHeld === true) for (const task of this.tasks.values()) task.held = false;
    const task: ModelTask = { id: request.task.id, changes: [], held: request.held, at };
    for (const { kind, path, fragment } of request.changes) {
      if (kind === "refresh") continue;
      const length = kind === "add" ? (JSON.parse(fragment) as { length: number }).length : undefined;
      const change: Change = { order: ++this.#order, path, length, task };
      if (length !== undefined) this.#byLength.set(length, change);
      const all = this.#byPath.get(path);
      if (all === undefined) this.#byPath.set(path, [change]);
      else all.push(change);
      task.changes.push(change);
    }
    this.tasks.set(task.id, task);
  }

  /** What the task asked for, or signs, is stopped, but for its artifacts: they are told of as set aside. */
  stopped(task: string): void {
    this.#stopped.add(task);
  }

  /** A signature for root: its signer is told what the online keys, which may not answer, make of the root. */
  signsRoot(task: string): void {
    this.#free.add(task);
  }

  /** The database lost what was done at `at` and after. What clients saw of it stays true. */
  lost(at: number): void {
    for (const task of [...this.tasks.values()]) {
      if (task.at < at) continue;
      this.tasks.delete(task.id);
      for (const change of task.changes) {
        if (change.order > (this.#seen.get(change.path) ?? 0)) this.#byPath.set(change.path, this.#byPath.get(change.path)!.filter((other) => other !== change));
      }
    }
  }

  /** Clients see these targets from now on. */
  saw(targets: ReadonlyMap<string, number>): void {
    for (const [path, length] of targets) {
      const change = this.#byLength.get(length);
      assert.ok(change?.path === path, `clients see ${path} with length ${String(length)}, which nobody added`);
      assert.ok(!change.task.held, `clients see ${path}, which is held`);
      const before = this.#seen.get(path) ?? 0;
      assert.ok(change.order >= before, `clients see change ${String(change.order)} of ${path} after change ${String(before)}`);
      this.#seen.set(path, change.order);
      // A timestamp on its way lands after the database lost what it publishes: it counts again.
      const known = this.#byPath.get(path) ?? [];
      if (!known.includes(change)) this.#byPath.set(path, [...known, change].sort((a, b) => a.order - b.order));
    }
    for (const [path, before] of this.#seen) {
      if (targets.has(path)) continue;
      const removal = this.#byPath.get(path)?.find((change) => change.length === undefined && change.order >= before);
      assert.ok(removal, `${path} vanished from clients' sight, and nobody removed it`);
      this.#seen.set(path, removal.order);
    }
    this.#now = targets;
  }

  /** A task as the database tells it, beside what clients see at this moment. */
  told(row: TaskRow): void {
    const task = this.tasks.get(row.id);
    assert.ok(task, `task ${row.id} came from nowhere`);
    if (row.result === undefined) return;
    if (this.#free.has(row.id)) return;
    if (this.#stopped.has(row.id)) {
      assert.notEqual(row.result.state, "SUCCESS", row.result.message);
      return;
    }
    const count = row.result.details?.["set_aside"];
    if (typeof count === "number") {
      // An import tells how many, and not which.
      const unseen = task.changes.filter((change) => !this.#isSeen(change));
      assert.deepEqual([row.result.state, unseen.length <= count], ["FAILURE", true], row.result.message);
      for (const change of unseen) this.#aside.add(change);
      return;
    }
    const aside = new Set(((row.result.details?.["set_aside"] ?? []) as readonly { path: string }[]).map(({ path }) => path));
    assert.equal(row.result.state, aside.size === 0 ? "SUCCESS" : "FAILURE", row.result.message);
    for (const change of task.changes) {
      if (aside.has(change.path)) this.#aside.add(change);
      else assert.ok(this.#isSeen(change), `task ${row.id} ended ${row.result.state}, and clients do not see its change of ${change.path}`);
    }
  }

  #isSeen(change: Change): boolean {
    const later = this.#byPath.get(change.path)!.filter((other) => other.order >= change.order);
    const length = this.#now.get(change.path);
    return later.some((other) => other.length === length);
  }

  get setAside(): number {
    return this.#aside.size;
  }

  /** When nothing is open any more: the last word on each path, and no other, is what clients see. */
  requireSettled(): void {
    const expected = new Map<string, number>();
    for (const [path, changes] of this.#byPath) {
      const last = changes.findLast((change) => !change.task.held && !this.#aside.has(change));
      if (last?.length !== undefined) expected.set(path, last.length);
    }
    assert.deepEqual(new Map([...this.#now].sort()), new Map([...expected].sort()), "what clients see is not what was asked for");
  }
}
