// What GET /config/ shows of a root, by the contract's names.

import type { SettingValue } from "../ports/database.ts";
import { peopleSignTargets } from "../roles/root-rules.ts";
import { onlineKeyOf } from "../roles/root-update.ts";
import type { Root } from "../tuf/documents.ts";

/** `document`: the envelope as it was submitted and is published. */
export function rootSettings(root: Root, document: SettingValue): Record<string, SettingValue> {
  const settings: Record<string, SettingValue> = { trusted_root: document, root_signing: null, targets_online_key: !peopleSignTargets(root) };
  const online = onlineKeyOf(root);
  if (online !== undefined) settings["online_key"] = { ...(online.key as unknown as { readonly [member: string]: SettingValue }), keyid: online.keyid };
  for (const role of ["root", "targets", "snapshot", "timestamp"] as const) {
    settings[`${role}_threshold`] = root.roles[role].threshold;
    settings[`${role}_num_keys`] = root.roles[role].keyids.length;
  }
  return settings;
}
