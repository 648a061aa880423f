// What becomes of pending changes when a lost history is adopted (rule 17): one of a role that is newer in storage is
// done if the stored document says what it asks, and else set aside; to apply it could bring back what was taken away.
//
// Requests are bounded by the backlog, and held whole. Imports are not: they come in pages, by the hash of their paths, so that all
// that is said of a path comes together; what ends is staged in the database, and of the others nothing is kept.

import { DatabaseError, PLACES, type Adoption, type CutChange, type Database, type OpenChange, type PendingChange, type TaskResult, type TaskRow } from "../ports/database.ts";
import type { DelegationEdit } from "../roles/custom-delegations.ts";
import type { EditContext } from "../roles/delegation-edit.ts";
import { ownerOf, type DelegationTree } from "../roles/delegation.ts";
import { asksAbout, delegatorsOf, unsaidOf } from "../roles/edit-said.ts";
import type { PublisherDeps } from "./deps.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { importResult, NAMED, taskResult, type EndedChange } from "./results.ts";

type Ended = EndedChange & { readonly id: number; readonly task: string };

export interface Conflict {
  readonly task: string;
  readonly path: string;
  readonly reason: string;
}

/** So many of an import's conflicts are told one by one. */
const MOST_CONFLICTS = 1_000;

export interface PendingDeps {
  readonly deps: Pick<PublisherDeps, "database" | "policy">;
  readonly hold: LeaseHold;
  /** The adoption that is staged. */
  readonly id: string;
}

export class PendingChanges {
  readonly #database: Database;
  /** Of a page, as of a batch. */
  readonly #limit: { readonly changes: number; readonly bytes: number };
  readonly #hold: LeaseHold;
  readonly #id: string;
  /** Of no import, in order of acceptance. */
  readonly #requests: readonly PendingChange[];
  readonly #ended = new Map<number, Ended>();
  readonly #answeredEdits: DelegationEdit[] = [];
  readonly #imports = { tasks: new Set<string>(), pending: 0, done: 0, setAside: 0, conflicts: [] as Conflict[] };

  private constructor({ deps, hold, id }: PendingDeps, requests: readonly PendingChange[]) {
    this.#database = deps.database;
    this.#limit = { changes: deps.policy.maxBatchChanges, bytes: deps.policy.maxBatchBytes };
    this.#hold = hold;
    this.#id = id;
    this.#requests = requests;
  }

  static async of(pending: PendingDeps): Promise<PendingChanges> {
    return new PendingChanges(pending, await pending.deps.database.pendingChanges());
  }

  /** Changes of delegations that the stored documents say already, oldest first. */
  get answeredEdits(): readonly DelegationEdit[] {
    return this.#answeredEdits;
  }

  /** How many are answered, set aside, and stay pending; of those set aside all of requests, and the first of imports. */
  get outcome(): { readonly done: number; readonly setAside: number; readonly open: number; readonly conflicts: readonly Conflict[] } {
    const ended = this.#requests.flatMap((change) => this.#ended.get(change.id) ?? []);
    const conflicts = ended.filter(({ outcome }) => outcome === "set-aside").map(({ task, path, reason }) => ({ task, path, reason: reason ?? "" }));
    const { pending, done, setAside } = this.#imports;
    return {
      done: ended.length - conflicts.length + done, setAside: conflicts.length + setAside, open: this.#requests.length - ended.length + pending - done - setAside,
      conflicts: [...conflicts, ...this.#imports.conflicts],
    };
  }

  /** Of artifacts, where who takes them is among those `newer` in storage; what their documents list is staged. */
  async decide(newer: ReadonlySet<string>, tree: DelegationTree): Promise<void> {
    const requests = this.#requests.filter(({ kind }) => kind === "add" || kind === "remove");
    const byPath = Map.groupBy(requests, ({ path }) => path);
    for await (const page of this.#importPages()) {
      const beside: PendingChange[] = [];
      for (const { path } of page) {
        beside.push(...(byPath.get(path) ?? []));
        byPath.delete(path);
      }
      await this.#end(await this.#decided([...page, ...beside], newer, tree), page);
    }
    let slice: PendingChange[] = [];
    for (const changes of byPath.values()) {
      slice.push(...changes);
      if (slice.length < this.#limit.changes) continue;
      await this.#end(await this.#decided(slice, newer, tree), []);
      slice = [];
    }
    await this.#end(await this.#decided(slice, newer, tree), []);
  }

  /** Ranges of places are halved until what lies in one is no more than a page. */
  async *#importPages(): AsyncGenerator<readonly PendingChange[]> {
    for (let from = 0, width = PLACES; from < PLACES;) {
      this.#hold.require();
      const before = Math.min(from + width, PLACES);
      const page = await this.#database.pendingImported({ from, before }, this.#limit);
      if (page === undefined) {
        width = Math.max(1, Math.floor(width / 2));
        continue;
      }
      if (page.length > 0) yield page;
      if (page.length * 3 < this.#limit.changes) width *= 2;
      from = before;
    }
  }

  /** The last word on each path first: an older one is answered with it, whatever that asked. */
  async #decided(changes: readonly PendingChange[], newer: ReadonlySet<string>, tree: DelegationTree): Promise<readonly Ended[]> {
    const owned = changes.map((change) => ({ ...change, role: ownerOf(tree, change.path) ?? change.role })).filter(({ role }) => newer.has(role));
    if (owned.length === 0) return [];
    const says = new Map<string, Map<string, string>>();
    for (const { role, path, fragment } of await this.#database.adoptedTargets(this.#id, owned)) says.set(role, (says.get(role) ?? new Map<string, string>()).set(path, fragment));
    const answered = new Map<string, Set<string>>();
    return owned.sort((a, b) => b.accepted - a.accepted || b.id - a.id).map(({ id, task, path, role, kind, fragment, held }): Ended => {
      const said = says.get(role)?.get(path);
      const isSaid = kind === "add" ? said === fragment : said === undefined;
      const before = answered.get(role) ?? new Set<string>();
      answered.set(role, before);
      if (before.has(path)) return { id, task, path, role, outcome: "absorbed" };
      if (isSaid && !held) before.add(path);
      if (isSaid) return { id, task, path, role, outcome: "apply" };
      return { id, task, path, role, outcome: "set-aside", reason: conflict(role, kind === "add" ? `does not list ${path} as asked` : `lists ${path}`) };
    });
  }

  /** `imported`: those among them that are of imports, ended or not. */
  async #end(ended: readonly Ended[], imported: readonly PendingChange[]): Promise<void> {
    const all = this.#imports;
    const ofImports = new Set(imported.map(({ id }) => id));
    all.pending += ofImports.size;
    for (const change of ended) {
      if (!ofImports.has(change.id)) {
        this.#ended.set(change.id, change);
        continue;
      }
      const { task, path, outcome, reason } = change;
      all.tasks.add(task);
      if (outcome !== "set-aside") all.done += 1;
      else if ((all.setAside += 1) <= MOST_CONFLICTS) all.conflicts.push({ task, path, reason: reason ?? "" });
    }
    await this.#stage(ended);
  }

  async #stage(ended: readonly Ended[]): Promise<void> {
    if (ended.length > 0) await this.#database.stageEnded(this.#hold.lease, this.#id, ended.map(({ id, task, outcome, role }): CutChange => ({ id, task, outcome, role })));
  }

  /** Of delegations, where who delegates is among those `newer` in storage; the last word on each role first. */
  async decideEdits(newer: ReadonlySet<string>, before: DelegationTree, now: EditContext): Promise<void> {
    const answered = new Set<string>();
    const ended: Ended[] = [];
    for (const { id, task, path, role, kind, fragment } of [...this.#requests].reverse()) {
      if (kind !== "delegate") continue;
      const edit = JSON.parse(fragment) as DelegationEdit;
      const by = [...delegatorsOf(edit, before), ...delegatorsOf(edit, now.tree)].find((name) => newer.has(name));
      if (by === undefined) continue;
      const unsaid = unsaidOf(edit, now).filter((name) => !answered.has(name));
      if (unsaid.length === 0) {
        ended.push({ id, task, path, role, outcome: "apply" });
        this.#answeredEdits.unshift(edit);
        for (const name of asksAbout(edit)) answered.add(name);
      } else ended.push({ id, task, path, role, outcome: "set-aside", reason: conflict(by, `does not say of ${unsaid.join(", ")} what was asked`) });
    }
    await this.#end(ended, []);
  }

  /** Of the tasks none of whose changes is pending any more. */
  async results(newer: readonly string[], tree: DelegationTree, nowMs: number): Promise<Adoption["results"]> {
    const open = new Set(this.#requests.map(({ id }) => id));
    const results: Adoption["results"][number][] = [];
    for (const id of new Set([...this.#ended.values()].map(({ task }) => task))) {
      const row = await this.#task(id);
      const changes: EndedChange[] = [];
      const all = await this.#database.taskChanges(id);
      for (const change of all) {
        const ended = this.#ended.get(change.id) ?? (open.has(change.id) || change.outcome === undefined ? undefined : { ...change, outcome: change.outcome });
        if (ended !== undefined) changes.push(ended);
      }
      if (changes.length === all.length) results.push({ task: id, result: editResult(row, all, changes, tree, nowMs) ?? taskResult(row, changes, newer, nowMs) });
    }
    for (const id of this.#imports.tasks) {
      const row = await this.#task(id);
      const remainder = await this.#database.importRemainder(id, NAMED, this.#id);
      if (!remainder.open) results.push({ task: id, result: importResult(row, remainder, nowMs) });
    }
    return results;
  }

  async #task(id: string): Promise<TaskRow> {
    const row = await this.#database.getTask(id);
    if (row === undefined) throw new DatabaseError("stale-base", `task ${id} is unknown`);
    return row;
  }
}

/** Of a change of delegations that the stored documents say already. */
function editResult(row: TaskRow, [change]: readonly OpenChange[], ended: readonly EndedChange[], tree: DelegationTree, nowMs: number): TaskResult | undefined {
  if (row.kind !== "metadata_delegation" || change?.kind !== "delegate" || ended.some(({ outcome }) => outcome === "set-aside")) return undefined;
  const edit = JSON.parse(change.fragment) as DelegationEdit;
  const bins = edit.action === "bins" ? tree.bins.find(({ delegator }) => delegatorsOf(edit, tree).includes(delegator)) : undefined;
  const details = { delegated_roles: edit.roles.map(({ name }) => name), failed_roles: [], ...(bins === undefined ? {} : { number_of_delegated_bins: 2 ** bins.bitLength }) };
  return { state: "SUCCESS", message: "Metadata Delegation Processed", details, lastUpdateMs: nowMs };
}

const conflict = (role: string, what: string): string =>
  `conflict: ${role} was published again after this request was accepted, by a history this database lost, and ${what}. Look what is right, and ask again if need be`;
