import type { SettingValue } from "../ports/database.ts";
import { requireBootstrap } from "./bootstrap-state.ts";
import type { OperationDeps } from "./deps.ts";

/** Settings that are the service's own notes, not the repository's configuration. */
const INTERNAL: ReadonlySet<string> = new Set(["bootstrap_request"]);

/** Every repository setting, by its contract name. @throws OperationError `bootstrap-required` */
export async function getConfig(deps: OperationDeps): Promise<Readonly<Record<string, SettingValue>>> {
  await requireBootstrap(deps.database);
  const settings = await deps.database.settings();
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !INTERNAL.has(name)));
}
