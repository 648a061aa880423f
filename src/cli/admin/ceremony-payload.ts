// The bootstrap request of a plan: the file that ceremonies leave, and the body that is sent.
//
// Where people sign targets, its first version is composed here as the service composes it (ADR 0023): by the same rules, byte
// for byte, so that one ceremony signs both. Delegated roles that people sign wait for them at the service.

import { isSignedHere, type WantedDelegations } from "../../roles/custom-delegations.ts";
import { applyEdit } from "../../roles/delegation-edit.ts";
import { binDelegations, delegationTreeOf } from "../../roles/delegation.ts";
import { composeRoot } from "../../roles/root.ts";
import { expiresAfter } from "../../roles/policy.ts";
import type { BootstrapPayload } from "../../sdk/api-types.ts";
import type { Delegations } from "../../tuf/documents.ts";
import { SPEC_VERSION } from "../../tuf/parse.ts";
import { isRoot, pendingRoot, pendingTopTargets, readDocument, readRoot, type Pending } from "./pending.ts";
import type { CeremonyPlan } from "./plan.ts";

const DAY_MS = 86_400_000;

/** The first root, unsigned. */
export function firstRoot(plan: CeremonyPlan, nowMs: number): Pending {
  const signed = composeRoot({
    version: 1,
    expires: expiresAfter(nowMs, plan.days.root * DAY_MS).text,
    root: { keys: Object.fromEntries(plan.root.keys.map(({ keyid, key }) => [keyid, key])), threshold: plan.root.threshold },
    online: { keyid: plan.online.keyid, key: plan.online.key },
    targets: plan.targets === undefined ? undefined : { keys: Object.fromEntries(plan.targets.keys.map(({ keyid, key }) => [keyid, key])), threshold: plan.targets.threshold },
  });
  return pendingRoot(readRoot({ signatures: [], signed }, "the root of this plan"), undefined);
}

/** The first targets that people sign, unsigned; undefined: the service signs it. */
export function firstTargets(plan: CeremonyPlan, root: Pending, nowMs: number): Pending | undefined {
  if (plan.targets === undefined || !isRoot(root.document)) return undefined;
  const signed = { _type: "targets", spec_version: SPEC_VERSION, version: 1, expires: expiresAfter(nowMs, plan.days.targets * DAY_MS).text, targets: {}, delegations: firstDelegations(plan) };
  const document = readDocument({ signatures: [], signed }, "the targets of this plan");
  return isRoot(document) ? undefined : pendingTopTargets(document, undefined, root.document);
}

function firstDelegations(plan: CeremonyPlan): Delegations {
  const { bins, online, days } = plan;
  const wanted = wantedOf(plan);
  if (wanted === undefined) return binDelegations(bins?.number ?? 0, "succinct", online);
  const tree = delegationTreeOf({ delegations: { keys: {}, roles: [] } });
  return applyEdit({ action: "add", ...wanted, roles: wanted.roles.filter(isSignedHere) }, { tree, outside: new Set(), online, binsStyle: "succinct", allowUnportable: false, defaultDays: days.targets }).delegations;
}

/** The contract has bins or delegations; both at once are asked for among the delegations. Undefined: bins alone. */
function wantedOf({ bins, delegations }: CeremonyPlan): WantedDelegations | undefined {
  if (delegations === undefined || bins === undefined) return delegations;
  return { ...delegations, bins: { number_of_delegated_bins: bins.number, expiration: bins.days } };
}

export function bootstrapPayload(plan: CeremonyPlan, root: Pending, targets: Pending | undefined, timeoutSeconds: number): BootstrapPayload {
  const { days, windows, bins, delegations } = plan;
  const signed = (role: "root" | "targets"): object => ({ expiration: days[role], ...(windows[role] === undefined ? {} : { signing_window: windows[role] }) });
  return {
    settings: {
      ...(targets === undefined ? {} : { targets_online_key: false }),
      roles: {
        root: signed("root"),
        timestamp: { expiration: days.timestamp },
        snapshot: { expiration: days.snapshot },
        targets: signed("targets"),
        bins: bins === undefined || delegations !== undefined ? null : { expiration: bins.days, number_of_delegated_bins: bins.number },
        delegations: (wantedOf(plan) ?? null) as BootstrapPayload["settings"]["roles"]["delegations"],
      },
    },
    metadata: { root: root.document.envelope as unknown as Readonly<Record<string, unknown>>, ...(targets === undefined ? {} : { targets: targets.document.envelope as unknown as Readonly<Record<string, unknown>> }) },
    timeout: timeoutSeconds,
  } as BootstrapPayload;
}
