// What the cases are run on, and the few sentences they are written in.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";

import { DatabaseError } from "../../../src/ports/database.ts";
import type {
  AcceptRequest, Accepted, ChangeOutcome, Commit, CutChange, Database, Lease, NewChange, OpenChange, RoleResult, TaskResult, Topic,
} from "../../../src/ports/database.ts";

/** A fresh, empty database under test. */
export interface Subject {
  readonly database: Database;
  /** Another user of the same database, as in another thread or process. */
  readonly connect: () => Promise<Database>;
  /** Closes every user and opens what is stored. */
  readonly reopen: () => Promise<Database>;
  /** Sets the database's own clock, milliseconds. It starts at `START`. */
  readonly setNow: (ms: number) => void;
  /** Closes everything and removes what is stored. */
  readonly close: () => Promise<void>;
}

export interface Case {
  readonly name: string;
  readonly run: (subject: Subject) => Promise<void>;
}

export const START = 1_000_000;
export const TTL = 15_000;
export const FAR = 1e12;
export const NO_LIMIT = { changes: 1e9, bytes: 1e12 };

export const id = (n: number): string => n.toString(16).padStart(32, "0");
export const sha256 = (text: string | Uint8Array): string => createHash("sha256").update(text).digest("hex");

export const add = (path: string, role = "bins-0", fragment = `{"length":${path.length}}`): NewChange =>
  ({ kind: "add", role, path, fragment });
export const remove = (path: string, role = "bins-0"): NewChange => ({ kind: "remove", role, path, fragment: "" });
export const refresh = (role: string): NewChange => ({ kind: "refresh", role, path: "", fragment: "" });

export function request(n: number, changes: readonly NewChange[], rest: Partial<AcceptRequest> = {}): AcceptRequest {
  return {
    task: { id: id(n), kind: "add_artifacts", createdMs: START, request: { paths: changes.map(({ path }) => path) } },
    changes, held: false, limits: NO_LIMIT, ...rest,
  };
}

export function accept(db: Database, n: number, changes: readonly NewChange[], rest?: Partial<AcceptRequest>): Promise<Accepted> {
  return db.accept(request(n, changes, rest));
}

export const success = (lastUpdateMs = START): TaskResult =>
  ({ state: "SUCCESS", message: "done", details: { added: ["a"] }, lastUpdateMs });

export const pressed = (role: string, version: number, expiresMs = FAR): RoleResult =>
  ({ role, version, length: 100 + version, sha256: sha256(`${role} ${version}`), expiresMs });

export async function lease(db: Database, holder = "one"): Promise<Lease> {
  const taken = await db.takeLease(holder, TTL);
  assert(taken, "the lease is free");
  return taken;
}

export async function open(db: Database): Promise<readonly OpenChange[]> {
  return db.openChanges({ changes: 1e6, bytes: 1e12 });
}

export const paths = (changes: readonly { readonly path: string }[]): string[] => changes.map(({ path }) => path);

export async function refuses(code: DatabaseError["code"], work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert(error instanceof DatabaseError, `expected ${code}, got ${String(error)}`);
    assert.equal(error.code, code);
    return true;
  });
}

export async function foldAll(db: Database, held: Lease, limit = 1000): Promise<number> {
  for (let calls = 1; calls < 10_000; calls++) if (!(await db.fold(held, limit)).remaining) return calls;
  throw new Error("fold never ends");
}

export interface Plan {
  readonly batch: string;
  readonly roles?: readonly string[];
  readonly changes?: readonly OpenChange[];
  readonly outcomeOf?: (change: OpenChange) => ChangeOutcome;
  readonly roleOf?: (change: OpenChange) => string;
}

/** Cuts what is open (or `changes`) and stages a result for each role. */
export async function cutAndStage(db: Database, held: Lease, plan: Plan): Promise<{ base: string; first: number; roles: readonly string[] }> {
  const { head: base } = await db.publisher();
  const roleOf = plan.roleOf ?? ((change: OpenChange): string => change.role);
  const changes = (plan.changes ?? await open(db)).map((change): CutChange =>
    ({ id: change.id, task: change.task, outcome: plan.outcomeOf?.(change) ?? "apply", role: roleOf(change) }));
  const roles = plan.roles ?? [...new Set(changes.map(({ role }) => role))].sort();
  const { firstVersion: first } = await db.cut(held, { id: plan.batch, base, changes, roles });
  await db.stageResults(held, plan.batch, roles.map((role, i) => pressed(role, first + i)));
  return { base, first, roles };
}

/** The commit for what `cutAndStage` answered. */
export function commitOf(batch: string, cut: { base: string; first: number; roles: readonly string[] }, rest: Partial<Commit> = {}): Commit {
  const bytes = Buffer.from(`timestamp of ${batch}`);
  const n = cut.roles.length;
  return {
    batch, base: cut.base, pressedAtMs: START,
    timestamp: { ...pressed("timestamp", cut.first + n + 1), sha256: sha256(bytes), bytes },
    snapshot: pressed("snapshot", cut.first + n),
    envelopes: [], garbageNotBeforeMs: START + 1000, ...rest,
  };
}

export const bins = (roles: readonly string[]): NonNullable<Commit["newRoles"]> =>
  roles.map((name) => name === "targets" ? { name, kind: "targets", parent: "" } as const : { name, kind: "bins", parent: "targets" } as const);

/** Cuts, stages, commits; does neither fold nor show. `known`: the roles exist already. */
export async function commitAll(db: Database, held: Lease, plan: Plan & { readonly known?: boolean }, rest: Partial<Commit> = {}): Promise<{ seq: number; first: number; roles: readonly string[] }> {
  const cut = await cutAndStage(db, held, plan);
  const { seq } = await db.commit(held, commitOf(plan.batch, cut, { ...(plan.known ? {} : { newRoles: bins(cut.roles) }), ...rest }));
  return { seq, first: cut.first, roles: cut.roles };
}

/** A hint that comes, or the case fails by its time limit. */
export function hinted(db: Database, topic: Topic): Promise<void> {
  return new Promise((resolve) => {
    const stop = db.subscribe(topic, () => { stop(); resolve(); });
  });
}
