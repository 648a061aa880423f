// The database against what is published: rules 42, 43 (in roots.ts), 46, 47, 48, 49, 50.
//
// Storage was read first. The head only grows, so whatever was published is in the database;
// a repository that is being published to meanwhile may show faults that are none.

import type { Json, Targets } from "../tuf/documents.ts";
import { canonicalString } from "../tuf/canonical.ts";
import { sha256Hex } from "../tuf/crypto.ts";
import { DatabaseError, type Database, type PublisherState, type RoleRow } from "../ports/database.ts";
import type { Findings } from "./report.ts";
import type { TopLevel } from "./top-level.ts";
import { metaOf } from "./top-level.ts";
import type { LiveRole, Tree } from "./tree.ts";

/** The part of the database that fsck reads. */
export type DatabaseView = Pick<Database, "publisher" | "head" | "committed" | "envelope" | "roles" | "readTargets" | "dueGarbage" | "openChanges" | "getTask" | "openBatches" | "now" | "signingEvents" | "eventChanges" | "waitingRoles" | "waitingChanges">;

/** How many changes, garbage rows: enough to see a fault, few enough to hold. */
const LOOK_AT = 100_000;

/** Rule 42: timestamp.json is the visible head, and nothing committed waits to be shown. */
export async function checkHead(database: DatabaseView, top: TopLevel, findings: Findings): Promise<PublisherState> {
  const state = await database.publisher();
  if (state.visible > state.seq) findings.add(42, "visible", "publisher", `head ${state.visible} is visible, and only ${state.seq} are committed`);
  if (state.visible < state.seq) findings.add(42, "visible", "publisher", `head ${state.seq} is committed, and ${state.visible} is what clients were last known to see`);
  if (state.halted !== undefined) findings.notes.push(`publishing is halted (${state.halted.code}): ${state.halted.reason}`);
  if (top.timestampBytes === undefined) return state;
  const hash = sha256Hex(top.timestampBytes);
  const committed = await database.committed(hash);
  if (committed === undefined) findings.add(42, "head", "timestamp.json", "was never committed in this database: the two histories diverged");
  else if (committed.seq !== state.visible) findings.add(42, "head", "timestamp.json", `is head ${committed.seq}, and ${state.visible} is what the database calls visible`);
  const head = await database.head();
  if (head !== undefined && sha256Hex(head.timestamp) !== state.head) findings.add(42, "head", "publisher", "the head's hash is not that of the committed timestamp");
  return state;
}

/** Rules 45 and 46: role rows and published roles say the same, both ways, below the counter. */
export async function checkRoleRows(database: DatabaseView, state: PublisherState, top: TopLevel, tree: Tree, findings: Findings): Promise<void> {
  const snapshot = top.snapshot?.signed;
  if (snapshot === undefined) return;
  const rows = await database.roles();
  const seen = new Set<string>();
  for (const row of rows) {
    seen.add(row.role);
    if (row.kind !== "root" && row.version > state.counter) findings.add(46, "counter", row.role, `has version ${row.version}, above the last one allocated, ${state.counter}`);
    if (row.kind === "root" || row.kind === "snapshot" || row.kind === "timestamp") continue;
    const stated = metaOf(snapshot, row.role);
    if (stated === undefined) findings.add(46, "row", row.role, "has a row, and snapshot does not list it");
    else if (stated.version !== row.version) findings.add(46, "row", row.role, `has version ${row.version} in the database, ${stated.version} in snapshot`);
    const live = tree.roles.get(row.role);
    if (live !== undefined) compareRow(row, live, findings);
    else if (!row.retired && stated !== undefined) findings.add(46, "row", row.role, "is live in the database, and nobody delegates to it, or its file is faulty");
  }
  for (const file of Object.keys(snapshot.meta)) {
    const role = file.replace(/\.json$/, "");
    if (!seen.has(role)) findings.add(46, "row", role, "is listed in snapshot and has no row");
  }
  for (const [file, version] of [["snapshot", snapshot.version], ["timestamp", top.timestamp?.signed.version ?? 0]] as const) {
    if (version > state.counter) findings.add(46, "counter", file, `has version ${version}, above the last one allocated, ${state.counter}`);
  }
  const targets = await database.envelope("targets");
  const published = tree.roles.get("targets");
  if (targets !== undefined && published !== undefined && sha256Hex(targets.bytes) !== published.sha256) findings.add(46, "row", published.file, "has other bytes in the database");
}

function compareRow(row: RoleRow, live: LiveRole, findings: Findings): void {
  if (row.retired) findings.add(46, "row", row.role, "is retired in the database, and still delegated to");
  if (row.length !== live.length || row.sha256 !== live.sha256) findings.add(46, "row", live.file, "has another length or hash in the database");
  if (row.expiresMs !== live.expiresMs) findings.add(46, "row", live.file, "expires at another time in the database");
}

/** Roles that an accepted request asks for a new version of: after a take-over, every one. */
export async function toBePressed(database: DatabaseView): Promise<ReadonlySet<string>> {
  const open = await database.openChanges({ changes: LOOK_AT, bytes: Number.MAX_SAFE_INTEGER });
  return new Set(open.filter(({ kind, held }) => kind === "refresh" && !held).map(({ role }) => role));
}

/** Rule 48: the targets of one role are its rows, both ways. */
export class TargetRows {
  readonly #database: DatabaseView;
  readonly #head: string;
  readonly #findings: Findings;
  #behind = false;

  constructor(database: DatabaseView, head: string, findings: Findings) {
    this.#database = database;
    this.#head = head;
    this.#findings = findings;
  }

  async compare(role: LiveRole, document: Targets): Promise<void> {
    if (this.#behind) return;
    let rows: ReadonlyMap<string, string>;
    try {
      const read = await this.#database.readTargets(this.#head, [role.name]);
      rows = new Map((read.get(role.name) ?? []).map(({ path, fragment }) => [path, fragment]));
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.code !== "stale-base") throw error;
      this.#behind = true;
      this.#findings.notes.push("the rows of the last publish are not complete yet, so artifacts were not compared (rule 48): start the service once, it completes them");
      return;
    }
    for (const [path, target] of Object.entries(document.targets)) {
      const fragment = rows.get(path);
      if (fragment === undefined) this.#findings.add(48, "row", path, `is in ${role.file} and has no row`);
      else if (fragment !== canonicalString(target as unknown as Json)) this.#findings.add(48, "row", path, `says something else in ${role.file} than in its row`);
    }
    if (rows.size === role.paths) return;
    for (const path of rows.keys()) if (!Object.hasOwn(document.targets, path)) this.#findings.add(48, "row", path, `has a row in ${role.name} and is not in ${role.file}`);
  }
}

/** Rules 47, 49 and 50. */
export async function checkQueue(database: DatabaseView, state: PublisherState, top: TopLevel, tree: Tree, findings: Findings): Promise<void> {
  const live = new Set([...tree.roles.values()].map(({ file }) => file));
  if (top.snapshot !== undefined) live.add(`${top.snapshot.signed.version}.snapshot.json`);
  for (const { name } of await database.dueGarbage(Number.MAX_SAFE_INTEGER, LOOK_AT)) {
    if (live.has(name)) findings.add(47, "garbage", name, "is marked for deletion, and clients still need it");
    if (/^[0-9]+\.root\.json$/.test(name)) findings.add(47, "garbage", name, "is marked for deletion; roots are kept for ever");
  }
  const tasks = new Set((await database.openChanges({ changes: LOOK_AT, bytes: Number.MAX_SAFE_INTEGER })).map(({ task }) => task));
  for (const id of tasks) {
    const task = await database.getTask(id);
    if (task === undefined) findings.add(49, "task", id, "is unknown, and changes of it are open");
    else if (task.result !== undefined) findings.add(49, "task", id, `ended ${task.result.state}, and changes of it are open`);
  }
  const leaseRanOut = state.lease.untilMs <= (await database.now());
  for (const batch of await database.openBatches()) {
    if (leaseRanOut) findings.add(50, "batch", batch.id, `is open with ${batch.changes} changes, and no publisher lives that could work on it`);
    else if (batch.base !== state.head) findings.add(50, "batch", batch.id, "is open on a head that moved");
  }
}
