// New versions of online roles, asked for by hand.

import type { NewChange, TaskResult } from "../ports/database.ts";
import type { DelegationTree } from "../roles/delegation.ts";
import { needsPeople } from "../roles/people.ts";
import { requireBootstrap } from "./bootstrap-state.ts";
import { newTaskId, submit, type Idempotency, type OperationDeps, type Submitted } from "./deps.ts";
import { OperationError } from "./errors.ts";

/**
 * What can be asked for, in contract order of `updated_roles`. `bins` stands for every bin; the publisher expands
 * it. Root is named in requests of existing integrations; it is offline and stays as it is.
 */
function orderOf(tree: DelegationTree | undefined): readonly string[] {
  const custom = tree?.custom.filter((role) => !needsPeople({ keys: tree.delegators.get(role.parent)?.delegations.keys ?? {}, role })) ?? [];
  return ["snapshot", "timestamp", "targets", ...custom.map(({ name }) => name), ...(tree === undefined || tree.bins.length > 0 ? ["bins"] : [])];
}

/**
 * `roles` empty: all of them.
 * @throws OperationError `bootstrap-required` | `targets-offline` | `role-not-refreshable` | `no-bins` | `no-such-online-role`;
 *         DatabaseError as `Database.accept`
 */
export async function refreshOnline(deps: OperationDeps, roles: readonly string[], idempotency?: Idempotency): Promise<Submitted> {
  await requireBootstrap(deps.database);
  const targetsOnline = (await deps.database.setting("targets_online_key")) !== false;
  if (roles.includes("targets") && !targetsOnline) {
    throw new OperationError("targets-offline", "targets is signed offline");
  }
  const order = orderOf(await deps.owners.tree());
  const unknown = roles.find((role) => role !== "root" && !order.includes(role));
  if (unknown !== undefined) {
    const code = order.includes("bins") ? "role-not-refreshable" : unknown === "bins" ? "no-bins" : "no-such-online-role";
    throw new OperationError(code, `no online role of that name can be refreshed: ${unknown.slice(0, 200)}`);
  }

  const asked = roles.length === 0 ? order.filter((role) => targetsOnline || role !== "targets") : order.filter((role) => roles.includes(role));
  const now = deps.clock.now();
  const changes = asked.map((role): NewChange => ({ kind: "refresh", role, path: "", fragment: "" }));
  const result = changes.length === 0 ? nothingToRefresh(now) : undefined;
  const task = { id: newTaskId(deps.random), kind: "force_online_metadata_update", createdMs: now, request: { roles: asked } } as const;
  return submit(deps, { task, changes, held: false, ...(result === undefined ? {} : { result }) }, idempotency);
}

function nothingToRefresh(now: number): TaskResult {
  return { state: "SUCCESS", message: "Force new online metadata update succeeded", details: { updated_roles: [] }, lastUpdateMs: now };
}
