import type { SettingValue } from "../ports/database.ts";
import { CATCH_ALL } from "../roles/catch-all.ts";
import { knownElsewhere } from "../roles/delegation-edit.ts";
import { EXPIRE_POLICY } from "../roles/custom-delegations.ts";
import { signingWindowSetting } from "../roles/policy.ts";
import { requireBootstrap } from "./bootstrap-state.ts";
import type { OperationDeps } from "./deps.ts";
import { signingEnvelope } from "./get-signing.ts";
import { trustedEnvelope } from "./trusted.ts";

/** Settings that are the service's own notes, not the repository's configuration. */
const INTERNAL: ReadonlySet<string> = new Set(["bootstrap_request", "bins_prefix", "rotation", "handed_keys", "nested_delegations", "outside_roles"]);

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

/** Custom delegations in force, in the form in which they are asked for; undefined in a repository of bins alone. */
async function customDelegations({ owners }: OperationDeps, settings: Readonly<Record<string, SettingValue>>): Promise<SettingValue | undefined> {
  const tree = await owners.tree();
  const custom = tree?.custom.filter(({ name }) => name !== CATCH_ALL) ?? [];
  if (tree === undefined || (custom.length === 0 && tree.bins.length > 0)) return undefined;
  const roles = custom.map(({ parent, ...role }) => {
    const bins = tree.delegators.get(role.name)?.bins;
    const window = settings[signingWindowSetting(role.name)];
    return {
      ...role,
      [EXPIRE_POLICY]: settings[`${role.name}_expiration`] ?? settings["targets_expiration"] ?? null,
      ...(typeof window === "number" ? { signing_window: window } : {}),
      ...(parent === "targets" ? {} : { parent }),
      ...(bins === undefined ? {} : { bins: 2 ** bins.bitLength }),
    };
  });
  const named = new Set(custom.flatMap(({ keyids }) => keyids));
  const keys = [...knownElsewhere(tree)].filter(([keyid]) => named.has(keyid));
  return { keys: Object.fromEntries(keys), roles } as unknown as SettingValue;
}

/** `<role>_signing` of what waits, by the contract's names. */
async function pendingSignatures({ database }: OperationDeps): Promise<Readonly<Record<string, SettingValue>>> {
  const open = (await database.signingEvents()).filter(({ state }) => state === "open");
  return Object.fromEntries(open.map((event) => [`${event.role}_signing`, signingEnvelope(event)]));
}
