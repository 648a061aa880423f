import type { SettingValue } from "../ports/database.ts";
import { EXPIRE_POLICY } from "../roles/custom-delegations.ts";
import { requireBootstrap } from "./bootstrap-state.ts";
import type { OperationDeps } from "./deps.ts";
import { signingEnvelope } from "./get-signing.ts";
import { trustedEnvelope } from "./trusted.ts";

/** Settings that are the service's own notes, not the repository's configuration. */
const INTERNAL: ReadonlySet<string> = new Set(["bootstrap_request", "bins_prefix", "rotation", "nested_delegations"]);

/** Every repository setting, by its contract name. @throws OperationError `bootstrap-required` */
export async function getConfig(deps: OperationDeps): Promise<Readonly<Record<string, SettingValue>>> {
  await requireBootstrap(deps.database);
  const settings = await deps.database.settings();
  const shown = Object.entries(settings).filter(([name]) => !INTERNAL.has(name));
  const root = await trustedEnvelope(deps.database, "root");
  const targets = await trustedEnvelope(deps.database, "targets");
  const delegations = await customDelegations(deps, settings);
  return {
    ...Object.fromEntries(shown),
    ...(await pendingSignatures(deps)),
    ...(delegations === undefined ? {} : { delegations }),
    ...(root === undefined ? {} : { trusted_root: root }),
    ...(targets === undefined ? {} : { trusted_targets: targets }),
  };
}

/** Custom delegations in force, in the form in which they are asked for; undefined with bins. */
async function customDelegations({ owners }: OperationDeps, settings: Readonly<Record<string, SettingValue>>): Promise<SettingValue | undefined> {
  const delegations = (await owners.targets())?.delegations;
  if (delegations?.roles?.every(({ paths }) => paths !== undefined) !== true) return undefined;
  const roles = delegations.roles.map((role) => ({ ...role, [EXPIRE_POLICY]: settings[`${role.name}_expiration`] ?? settings["targets_expiration"] ?? null }));
  return { keys: delegations.keys, roles } as unknown as SettingValue;
}

/** `<role>_signing` of what waits, by the contract's names. */
async function pendingSignatures({ database }: OperationDeps): Promise<Readonly<Record<string, SettingValue>>> {
  const open = (await database.signingEvents()).filter(({ state }) => state === "open");
  return Object.fromEntries(open.map((event) => [`${event.role}_signing`, signingEnvelope(event)]));
}
