// Custom delegations come, change and go. Checked at the door for what no repository could have;
// whether a role exists, and whether all is well together, is found when the change is published.

import type { NewChange } from "../ports/database.ts";
import { BIN_COUNT, DELEGATION_LIMITS, delegationFaults, isBinCount, keyFaults, type DelegationEdit, type WantedDelegations } from "../roles/custom-delegations.ts";
import { knownElsewhere } from "../roles/delegation-edit.ts";
import type { Json } from "../tuf/documents.ts";
import { requireBootstrap } from "./bootstrap-state.ts";
import { newTaskId, submit, type Idempotency, type OperationDeps, type Submitted } from "./deps.ts";
import { FaultList } from "./errors.ts";
import { holdsPrivateKey } from "./private-key.ts";

export type { DelegationEdit, WantedDelegations } from "../roles/custom-delegations.ts";

/**
 * @throws OperationError `bootstrap-required`; InvalidRequest with every fault;
 *         DatabaseError as `Database.accept`
 */
export async function changeDelegations(deps: OperationDeps, edit: DelegationEdit, idempotency?: Idempotency): Promise<Submitted> {
  await requireBootstrap(deps.database);
  const wanted: DelegationEdit = edit.action === "bins" ? checkedBins(edit) : edit.action === "delete" ? checkedNames(edit) : await checked(deps, edit);
  const now = deps.clock.now();
  const task = { id: newTaskId(deps.random), kind: "metadata_delegation", createdMs: now, request: { roles: wanted.roles.map(({ name }) => name) } } as const;
  // Not canonical JSON: that leaves the line feeds of a PEM bare, and nobody could read it back.
  const change: NewChange = { kind: "delegate", role: "targets", path: "", fragment: JSON.stringify(wanted) };
  return submit(deps, { task, changes: [change], held: false }, idempotency);
}

async function checked(deps: OperationDeps, edit: DelegationEdit & { readonly action: "add" | "update" }): Promise<DelegationEdit> {
  const tree = await deps.owners.tree();
  const faults = new FaultList();
  addDelegationFaults(edit, ["delegations"], new Set(tree === undefined ? [] : knownElsewhere(tree).keys()), faults);
  faults.raise();
  return { action: edit.action, ...asAsked(edit) };
}

/** Lists in `faults` what is wrong with `wanted`, which stands `at` that place of the request. */
export function addDelegationFaults(wanted: WantedDelegations, at: readonly (string | number)[], known: ReadonlySet<string>, faults: FaultList): void {
  for (const [keyid, key] of Object.entries(wanted.keys)) {
    // The value is not repeated to anybody, nor logged.
    if (holdsPrivateKey(key as unknown as Json)) faults.add({ at: [...at, "keys", keyid.slice(0, 200), "keyval"], rule: "holds a private key, which must never be sent; treat it as compromised", code: "private-key" });
  }
  if (!faults.empty) return;
  for (const fault of delegationFaults(wanted, known)) faults.add({ ...fault, at: [...at, ...fault.at] });
}

function checkedBins(edit: DelegationEdit & { readonly action: "bins" }): DelegationEdit {
  const faults = new FaultList();
  if (edit.bins === undefined && edit.keyids === undefined) faults.add({ at: [], rule: "says neither a number of bins nor keyids", code: "bins" });
  const keys = Object.entries(edit.keys ?? {});
  if (keys.length > DELEGATION_LIMITS.keys || (edit.keyids?.length ?? 0) > DELEGATION_LIMITS.keys) faults.add({ at: ["keys"], rule: `at most ${String(DELEGATION_LIMITS.keys)} keys`, code: "too-many" });
  for (const [keyid, key] of keys.slice(0, DELEGATION_LIMITS.keys)) {
    // The value is not repeated to anybody, nor logged.
    if (holdsPrivateKey(key as unknown as Json)) faults.add({ at: ["keys", keyid.slice(0, 200), "keyval"], rule: "holds a private key, which must never be sent; treat it as compromised", code: "private-key" });
    else for (const fault of keyFaults(keyid, key)) faults.add(fault);
  }
  if (new Set(edit.keyids).size !== (edit.keyids?.length ?? 0)) faults.add({ at: ["keyids"], rule: "names a keyid twice", code: "keyid" });
  if (edit.bins !== undefined && !isBinCount(edit.bins)) faults.add({ at: ["number_of_delegated_bins"], rule: BIN_COUNT, code: "bins" });
  if (edit.of !== undefined && !/^[A-Za-z0-9_-]{1,200}$/.test(edit.of)) faults.add({ at: ["role"], rule: "is no role name", code: "role-name" });
  faults.raise();
  return edit;
}

/** More names than any repository can have roles are a mistake. */
const MOST_DELETED = 1_000;

function checkedNames(edit: DelegationEdit & { readonly action: "delete" }): DelegationEdit {
  const faults = new FaultList();
  if (edit.roles.length > MOST_DELETED) faults.add({ at: ["delegations", "roles"], rule: `at most ${String(MOST_DELETED)} roles`, code: "too-many" });
  for (const [index, { name }] of edit.roles.slice(0, MOST_DELETED).entries()) {
    if (!/^[A-Za-z0-9_-]{1,200}$/.test(name)) faults.add({ at: ["delegations", "roles", index, "name"], rule: "is no role name", code: "role-name" });
  }
  faults.raise();
  return { action: "delete", roles: edit.roles.map(({ name }) => ({ name })) };
}

/** Members that nobody knows are ignored, as in the contract; keys stay whole. */
function asAsked({ keys, roles, bins }: WantedDelegations): WantedDelegations {
  return {
    keys,
    ...(bins ? { bins: { number_of_delegated_bins: bins.number_of_delegated_bins, ...(bins.keyids ? { keyids: bins.keyids } : {}), ...(typeof bins.expiration === "number" ? { expiration: bins.expiration } : {}) } } : {}),
    roles: roles.map((role) => ({
      name: role.name,
      terminating: role.terminating,
      keyids: role.keyids,
      threshold: role.threshold,
      paths: role.paths,
      ...(typeof role["x-rstuf-expire-policy"] === "number" ? { "x-rstuf-expire-policy": role["x-rstuf-expire-policy"] } : {}),
      ...(typeof role.parent === "string" ? { parent: role.parent } : {}),
      ...(typeof role.bins === "number" ? { bins: role.bins } : {}),
      ...(role.signing === "outside" || role.signing === "service" ? { signing: role.signing } : {}),
      ...(typeof role.signing_window === "number" ? { signing_window: role.signing_window } : {}),
    })),
  };
}
