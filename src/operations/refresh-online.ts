// New versions of online roles, asked for by hand.

import type { NewChange, TaskResult } from "../ports/database.ts";
import { requireBootstrap } from "./bootstrap-state.ts";
import { newTaskId, submit, type Idempotency, type OperationDeps, type Submitted } from "./deps.ts";
import { OperationError } from "./errors.ts";

/** Contract order of `updated_roles`. `bins` stands for every bin; the publisher expands it. */
const ORDER = ["snapshot", "timestamp", "targets", "bins"] as const;

/** Root is named in requests of existing integrations; it is offline and stays as it is. */
const ASKABLE: ReadonlySet<string> = new Set(["root", ...ORDER]);

/**
 * `roles` empty: all of them.
 * @throws OperationError `bootstrap-required` | `targets-offline` | `role-not-refreshable`;
 *         DatabaseError as `Database.accept`
 */
export async function refreshOnline(deps: OperationDeps, roles: readonly string[], idempotency?: Idempotency): Promise<Submitted> {
  await requireBootstrap(deps.database);
  const targetsOnline = (await deps.database.setting("targets_online_key")) !== false;
  if (roles.includes("targets") && !targetsOnline) {
    throw new OperationError("targets-offline", "targets is signed offline");
  }
  const unknown = roles.find((role) => !ASKABLE.has(role));
  if (unknown !== undefined) throw new OperationError("role-not-refreshable", `no online role of that name can be refreshed: ${unknown.slice(0, 200)}`);

  const asked = roles.length === 0 ? ORDER.filter((role) => targetsOnline || role !== "targets") : ORDER.filter((role) => roles.includes(role));
  const now = deps.clock.now();
  const changes = asked.map((role): NewChange => ({ kind: "refresh", role, path: "", fragment: "" }));
  const result = changes.length === 0 ? nothingToRefresh(now) : undefined;
  const task = { id: newTaskId(deps.random), kind: "force_online_metadata_update", createdMs: now, request: { roles: asked } } as const;
  return submit(deps, { task, changes, held: false, ...(result === undefined ? {} : { result }) }, idempotency);
}

function nothingToRefresh(now: number): TaskResult {
  return { state: "SUCCESS", message: "Force new online metadata update succeeded", details: { updated_roles: [] }, lastUpdateMs: now };
}
