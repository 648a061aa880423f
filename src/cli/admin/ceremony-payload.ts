// The bootstrap request of a plan: the file that ceremonies leave, and the body that is sent.

import { composeRoot } from "../../roles/root.ts";
import { expiresAfter } from "../../roles/policy.ts";
import type { BootstrapPayload } from "../../sdk/api-types.ts";
import { pendingRoot, readRoot, type Pending } from "./pending.ts";
import type { CeremonyPlan } from "./plan.ts";

const DAY_MS = 86_400_000;

/** The first root, unsigned. */
export function firstRoot(plan: CeremonyPlan, nowMs: number): Pending {
  const signed = composeRoot({
    version: 1,
    expires: expiresAfter(nowMs, plan.days.root * DAY_MS).text,
    root: { keys: Object.fromEntries(plan.root.keys.map(({ keyid, key }) => [keyid, key])), threshold: plan.root.threshold },
    online: { keyid: plan.online.keyid, key: plan.online.key },
  });
  return pendingRoot(readRoot({ signatures: [], signed }, "the root of this plan"), undefined);
}

/** Seconds the Python implementation gives its own watchdog; this service needs none. */
export const DEFAULT_TIMEOUT_SECONDS = 300;

export function bootstrapPayload(plan: CeremonyPlan, root: Pending, timeoutSeconds: number): BootstrapPayload {
  const { days, bins, delegations } = plan;
  return {
    settings: {
      roles: {
        root: { expiration: days.root },
        timestamp: { expiration: days.timestamp },
        snapshot: { expiration: days.snapshot },
        targets: { expiration: days.targets },
        bins: bins === undefined || delegations !== undefined ? null : { expiration: bins.days, number_of_delegated_bins: bins.number },
        // The contract has one or the other; both at once are asked for among the delegations.
        delegations: (delegations === undefined ? null : bins === undefined ? delegations : { ...delegations, bins: { number_of_delegated_bins: bins.number, expiration: bins.days } }) as BootstrapPayload["settings"]["roles"]["delegations"],
      },
    },
    metadata: { root: root.document.envelope as unknown as Readonly<Record<string, unknown>> },
    timeout: timeoutSeconds,
  } as BootstrapPayload;
}
