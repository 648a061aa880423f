// How far the repository's bootstrap is, as setting `bootstrap` tells it.
//
// absent -> `pre-<task>` -> `<task>`; or `pre-<task>` -> `signing-<task>` -> `<task>`.

import type { Database, SettingValue } from "../ports/database.ts";
import { OperationError, type BootstrapStateName } from "./errors.ts";

export interface BootstrapState {
  readonly name: BootstrapStateName;
  /** The bootstrap task's id, except for `None` and `unknown`. */
  readonly taskId?: string;
  /** The setting as stored, for a compare-and-set. */
  readonly stored: SettingValue | undefined;
}

export function bootstrapStateOf(stored: SettingValue | undefined): BootstrapState {
  if (stored === undefined || stored === null || stored === "") return { name: "None", stored };
  if (typeof stored !== "string") return { name: "unknown", stored };
  const [first, second, ...more] = stored.split("-");
  if (first !== undefined && second === undefined) return { name: "finished", taskId: first, stored };
  if (second !== undefined && more.length === 0 && (first === "pre" || first === "signing")) return { name: first, taskId: second, stored };
  return { name: "unknown", stored };
}

export async function readBootstrapState(database: Database): Promise<BootstrapState> {
  return bootstrapStateOf(await database.setting("bootstrap"));
}

/** @throws OperationError `bootstrap-required` */
export async function requireBootstrap(database: Database): Promise<void> {
  const { name } = await readBootstrapState(database);
  if (name !== "finished") throw new OperationError("bootstrap-required", `the repository is not bootstrapped; state: ${name}`, { state: name });
}
