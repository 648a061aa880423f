// New lifetimes of roles, which hold from each role's next press, and when people are asked for them.

import type { SettingValue, TaskResult } from "../ports/database.ts";
import { own } from "../lib/own.ts";
import { signingWindowSetting } from "../roles/policy.ts";
import { requireBootstrap } from "./bootstrap-state.ts";
import { newTaskId, submit, type Idempotency, type OperationDeps, type Submitted } from "./deps.ts";

export { MOST_WINDOW_DAYS } from "../roles/window.ts";

export interface PutConfig {
  /** Days, by role name; each at least 1. */
  readonly expiration: { readonly [role: string]: number };
  /** Days before it expires, by name of a role that people may sign; null: as the configuration says. */
  readonly signing_window?: { readonly [role: string]: number | null } | null;
}

/**
 * Done in the accepting transaction: the task is at its end when this resolves.
 * Roles the repository does not have are reported in the result, not refused.
 * @throws OperationError `bootstrap-required`; DatabaseError as `Database.accept`
 */
export async function putConfig(deps: OperationDeps, request: PutConfig, idempotency?: Idempotency): Promise<Submitted> {
  await requireBootstrap(deps.database);
  const current = await deps.database.settings();
  const now = deps.clock.now();
  const settings: Record<string, SettingValue> = {};
  const updated: string[] = [];
  const invalid: string[] = [];
  for (const [role, days] of Object.entries(request.expiration)) {
    const name = `${role}_expiration`;
    if ((own(current, name) ?? undefined) === undefined) {
      invalid.push(role);
    } else {
      settings[name] = days;
      updated.push(role);
    }
  }
  for (const [role, days] of Object.entries(request.signing_window ?? {})) {
    if (SIGNED_ONLINE.has(role) || (own(current, `${role}_expiration`) ?? undefined) === undefined) {
      if (!invalid.includes(role)) invalid.push(role);
    } else {
      settings[signingWindowSetting(role)] = days;
      if (!updated.includes(role)) updated.push(role);
    }
  }
  const task = { id: newTaskId(deps.random), kind: "update_settings", createdMs: now, request: { roles: updated } } as const;
  return submit(deps, { task, changes: [], held: false, settings, result: resultOf(updated, invalid, now) }, idempotency);
}

/** Roles that no people sign. */
const SIGNED_ONLINE: ReadonlySet<string> = new Set(["timestamp", "snapshot", "bins"]);

function resultOf(updated: readonly string[], invalid: readonly string[], now: number): TaskResult {
  if (updated.length + invalid.length === 0) {
    return { state: "ERRORED", message: "Update Settings Failed", error: "No role provided for expiration policy change", lastUpdateMs: now };
  }
  // The contract's spelling.
  return { state: "SUCCESS", message: "Update Settings Succeded", details: { updated_roles: updated, invalid_roles: invalid }, lastUpdateMs: now };
}
