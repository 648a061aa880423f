// What a batch will do: which change counts on each path, which roles are pressed (rule 9).
//
// Changes are taken in the order of acceptance. A newer one on a path absorbs the older
// ones, held ones included, so that publishing a held change later can never undo a newer
// one. The owner of a path is resolved again under the head's delegations.

import type { ChangeOutcome, OpenChange } from "../ports/database.ts";
import { binsOf, ownerOf, type DelegationTree } from "../roles/delegation.ts";
import { isBinName } from "../tuf/bins.ts";

export interface PlannedChange extends OpenChange {
  readonly outcome: ChangeOutcome;
  /** Why it was set aside. */
  readonly reason?: string;
}

export interface Plan {
  readonly changes: readonly PlannedChange[];
  /** Roles to press, each with the last word on its paths (`undefined` removes); empty for a mere refresh. */
  readonly edits: ReadonlyMap<string, ReadonlyMap<string, string | undefined>>;
  /** Something must be published, if only snapshot and timestamp. */
  readonly publishes: boolean;
}

export interface PlanInput {
  readonly open: readonly OpenChange[];
  readonly tree: DelegationTree;
  /** Of removed paths, those that are listed, by role. */
  readonly listed: ReadonlyMap<string, ReadonlySet<string>>;
  /** Changes that were found unpressable before, with the reason. */
  readonly unpressable: ReadonlyMap<number, string>;
  /** Roles that are due for a refresh. */
  readonly refresh: readonly string[];
  /** Roles that people sign: they are not pressed here. */
  readonly people?: Pick<ReadonlySet<string>, "has">;
  /** Refreshes of which most roles were pressed before, and those that are left. */
  readonly rounds?: ReadonlyMap<number, readonly string[]>;
  /** Roles that a team signs elsewhere: nothing is changed in them here. */
  readonly outside?: ReadonlySet<string>;
  /** Publish snapshot and timestamp even if nothing else calls for it. */
  readonly force: boolean;
}

/** Makes a batch of its own, in its place: what came before is published before it, what comes after after it. */
export const standsAlone = ({ kind }: Pick<OpenChange, "kind">): boolean => kind === "delegate" || kind === "document";

export function planBatch(input: PlanInput): Plan {
  const steps = planning(input);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Of a large batch, so many changes are planned at a stretch: some 2 ms. */
export const PLANNED_AT_ONCE = 250;

/** The same, with a pause behind each of its stretches. */
export function* planning(input: PlanInput): Generator<undefined, Plan> {
  const changes: PlannedChange[] = [];
  const edits = new Map<string, Map<string, string | undefined>>();
  const last = new Map<string, Omit<PlannedChange, "outcome"> & { outcome: ChangeOutcome }>();
  let publishes = input.force;
  const touch = (role: string): Map<string, string | undefined> => {
    publishes = true;
    let edit = edits.get(role);
    if (edit === undefined) edits.set(role, (edit = new Map<string, string | undefined>()));
    return edit;
  };
  for (const role of input.refresh) touch(role);

  for (const [at, change] of input.open.entries()) {
    if (at % PLANNED_AT_ONCE === PLANNED_AT_ONCE - 1) yield undefined;
    if (change.kind === "refresh" || standsAlone(change)) {
      changes.push({ ...change, outcome: "apply" });
      if (change.role === "" || change.kind !== "refresh") continue;
      publishes = true;
      for (const role of input.rounds?.get(change.id) ?? pressedBy(change.role, input.tree)) if (input.people?.has(role) !== true) touch(role);
      continue;
    }
    const owner = ownerOf(input.tree, change.path);
    const reason = input.unpressable.get(change.id) ?? (owner === undefined ? "no delegated role takes this path any more" : input.outside?.has(owner) === true ? `role ${owner}, which a team signs elsewhere, takes this path now` : undefined);
    if (owner === undefined || reason !== undefined) {
      changes.push({ ...change, role: owner ?? change.role, outcome: "set-aside", reason: reason ?? "" });
      continue;
    }
    const older = last.get(change.path);
    const held = change.held;
    // A remove of what an import added, if only a moment ago, removes it.
    const known = (older?.imported === true && older.kind === "add") || edits.get(owner)?.has(change.path) === true || input.listed.get(owner)?.has(change.path) === true;
    if (change.kind === "remove" && !known && !held) {
      changes.push({ ...change, role: owner, outcome: "not-found" });
      continue;
    }
    if (older !== undefined) older.outcome = "absorbed";
    const planned = { ...change, role: owner, outcome: held ? "absorbed" as const : "apply" as const };
    last.set(change.path, planned);
    changes.push(planned);
    if (!held) touch(owner).set(change.path, change.kind === "add" ? change.fragment : undefined);
  }
  return { changes, edits, publishes };
}

/** The roles a refresh by name presses, none when nobody delegates to it any more; snapshot and timestamp go with every publish. */
export function pressedBy(role: string, tree: DelegationTree): readonly string[] {
  if (role === "snapshot" || role === "timestamp" || role === "root") return [];
  if (role === "bins") return binsOf(tree);
  return role === "targets" || tree.custom.some(({ name }) => name === role) || tree.bins.some(({ prefix, bitLength }) => isBinName(prefix, bitLength, role)) ? [role] : [];
}
