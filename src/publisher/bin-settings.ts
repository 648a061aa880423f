// What GET /config/ shows of bins, by the contract's names.

import type { SettingValue } from "../ports/database.ts";
import { BINS_PREFIX, type DelegationTree } from "../roles/delegation.ts";

/** Of the repository's own bins; empty when it has none. */
export function binSettings({ bins }: DelegationTree): Record<string, SettingValue> {
  const own = bins.find(({ prefix }) => prefix === BINS_PREFIX);
  return own === undefined ? {} : { number_of_delegated_bins: 2 ** own.bitLength, bins_prefix: BINS_PREFIX, bins_threshold: 1, bins_num_keys: 1 };
}
