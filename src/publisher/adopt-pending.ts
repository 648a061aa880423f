// What becomes of pending changes when a lost history is adopted (rule 17): one of a role that is newer in storage is
// done if the stored document says what it asks, and else set aside; to apply it could bring back what was taken away.

import { DatabaseError, type Adoption, type Database, type OpenChange, type TaskResult, type TaskRow } from "../ports/database.ts";
import type { DelegationEdit } from "../roles/custom-delegations.ts";
import type { EditContext } from "../roles/delegation-edit.ts";
import { ownerOf, type DelegationTree } from "../roles/delegation.ts";
import { asksAbout, delegatorsOf, unsaidOf } from "../roles/edit-said.ts";
import { taskResult, type EndedChange } from "./results.ts";

type Ended = EndedChange & { readonly id: number; readonly task: string };

export class PendingChanges {
  readonly #changes: readonly OpenChange[];
  readonly #ended = new Map<number, Ended>();
  readonly #answeredEdits: DelegationEdit[] = [];
  readonly paths: ReadonlySet<string>;
  #owned: { readonly tree: DelegationTree; readonly byRole: ReadonlyMap<string, readonly OpenChange[]> } | undefined;

  constructor(changes: readonly OpenChange[]) {
    this.#changes = changes;
    this.paths = new Set(changes.map(({ path }) => path));
  }

  get ended(): readonly Ended[] {
    return [...this.#ended.values()];
  }

  /** Changes of delegations that the stored documents say already, oldest first. */
  get answeredEdits(): readonly DelegationEdit[] {
    return this.#answeredEdits;
  }

  /** How many stay pending. */
  get open(): number {
    return this.#changes.length - this.#ended.size;
  }

  /** Of artifacts of a role that is newer in storage, the last word on each path first. `says`: what its document lists of `paths`. */
  decide(role: string, says: ReadonlyMap<string, string>, tree: DelegationTree): void {
    const answered = new Set<string>();
    for (const change of this.#ownedIn(tree).get(role) ?? []) {
      const { id, task, path, kind } = change;
      const isSaid = kind === "add" ? says.get(path) === change.fragment : !says.has(path);
      if (answered.has(path)) this.#ended.set(id, { id, task, path, role, outcome: "absorbed" });
      else if (isSaid) this.#ended.set(id, { id, task, path, role, outcome: "apply" });
      else this.#ended.set(id, { id, task, path, role, outcome: "set-aside", reason: conflict(role, kind === "add" ? `does not list ${path} as asked` : `lists ${path}`) });
      if (isSaid && !change.held) answered.add(path);
    }
  }

  /** Changes of artifacts by who takes them, the last first: found once, for a million of an import may wait and 16,384 bins be newer. */
  #ownedIn(tree: DelegationTree): ReadonlyMap<string, readonly OpenChange[]> {
    if (this.#owned?.tree === tree) return this.#owned.byRole;
    const artifacts = this.#changes.filter(({ kind }) => kind === "add" || kind === "remove").reverse();
    const byRole = Map.groupBy(artifacts, ({ path, role }) => ownerOf(tree, path) ?? role);
    this.#owned = { tree, byRole };
    return byRole;
  }

  /** Of delegations, where who delegates is among those `newer` in storage; the last word on each role first. */
  decideEdits(newer: ReadonlySet<string>, before: DelegationTree, now: EditContext): void {
    const answered = new Set<string>();
    for (const { id, task, path, role, kind, fragment } of [...this.#changes].reverse()) {
      if (kind !== "delegate") continue;
      const edit = JSON.parse(fragment) as DelegationEdit;
      const by = [...delegatorsOf(edit, before), ...delegatorsOf(edit, now.tree)].find((name) => newer.has(name));
      if (by === undefined) continue;
      const unsaid = unsaidOf(edit, now).filter((name) => !answered.has(name));
      if (unsaid.length === 0) {
        this.#ended.set(id, { id, task, path, role, outcome: "apply" });
        this.#answeredEdits.unshift(edit);
        for (const name of asksAbout(edit)) answered.add(name);
      } else this.#ended.set(id, { id, task, path, role, outcome: "set-aside", reason: conflict(by, `does not say of ${unsaid.join(", ")} what was asked`) });
    }
  }

  /** Of the tasks none of whose changes is pending any more. */
  async results(database: Database, newer: readonly string[], tree: DelegationTree, nowMs: number): Promise<Adoption["results"]> {
    const open = new Set(this.#changes.map(({ id }) => id));
    const results: Adoption["results"][number][] = [];
    for (const id of new Set(this.ended.map(({ task }) => task))) {
      const row = await database.getTask(id);
      if (row === undefined) throw new DatabaseError("stale-base", `task ${id} is unknown`);
      const changes: EndedChange[] = [];
      const all = await database.taskChanges(id);
      for (const change of all) {
        const ended = this.#ended.get(change.id) ?? (open.has(change.id) || change.outcome === undefined ? undefined : { ...change, outcome: change.outcome });
        if (ended !== undefined) changes.push(ended);
      }
      if (changes.length === all.length) results.push({ task: id, result: editResult(row, all, changes, tree, nowMs) ?? taskResult(row, changes, newer, nowMs) });
    }
    return results;
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
