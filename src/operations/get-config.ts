import type { SettingValue } from "../ports/database.ts";
import { requireBootstrap } from "./bootstrap-state.ts";
import type { OperationDeps } from "./deps.ts";
import { trustedEnvelope } from "./trusted.ts";

/** Settings that are the service's own notes, not the repository's configuration. */
const INTERNAL: ReadonlySet<string> = new Set(["bootstrap_request", "bins_prefix"]);

/** Every repository setting, by its contract name. @throws OperationError `bootstrap-required` */
export async function getConfig(deps: OperationDeps): Promise<Readonly<Record<string, SettingValue>>> {
  await requireBootstrap(deps.database);
  const settings = await deps.database.settings();
  const shown = Object.entries(settings).filter(([name]) => !INTERNAL.has(name));
  const root = await trustedEnvelope(deps.database, "root");
  const targets = await trustedEnvelope(deps.database, "targets");
  return {
    ...Object.fromEntries(shown),
    ...(root === undefined ? {} : { trusted_root: root }),
    ...(targets === undefined ? {} : { trusted_targets: targets }),
  };
}
