// Where this implementation answers otherwise than the recorded one, and why.

import type { Deviation } from "./replay.ts";

const MISSING = (...loc: (string | number)[]) => ({ type: "missing", loc: ["body", ...loc], msg: "Field required" });
const DELEGATIONS = ["settings", "roles", "delegations"] as const;

export const BOOTSTRAP_DEVIATIONS: readonly Deviation[] = [
  {
    line: 14,
    reason: "A recorded 500: the validator crashed on delegations without roles. The field is named instead.",
    status: 422,
    instead: { detail: [MISSING(...DELEGATIONS, "roles")] },
  },
  {
    line: 15,
    reason: "A recorded 500: the validator crashed on a delegated role without paths. Every missing field is named instead.",
    status: 422,
    instead: {
      detail: [
        MISSING(...DELEGATIONS, "keys", "a", "scheme"),
        MISSING(...DELEGATIONS, "keys", "a", "keyval"),
        ...["terminating", "keyids", "threshold", "paths"].map((name) => MISSING(...DELEGATIONS, "roles", 0, name)),
      ],
    },
  },
  {
    line: 16,
    reason: "A recorded 500: the validator crashed on a body that is no object.",
    status: 422,
    instead: {
      detail: [{ type: "model_attributes_type", loc: ["body"], msg: "Input should be a valid dictionary or object to extract fields from" }],
    },
  },
  {
    line: 24,
    reason:
      "The number of bins in force is shown (3 was rounded down to 2), not the number asked for. Targets carries a name prefix of bins without the dash and its own version and times.",
    adjust: (answer) => withoutOurTargets(answer as ConfigAnswer),
  },
];

interface ConfigAnswer {
  readonly data: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** The settings with what the reason names taken out, after checking that targets is there. */
function withoutOurTargets({ data, message }: ConfigAnswer): unknown {
  const { number_of_delegated_bins: bins, trusted_targets: targets, ...rest } = data;
  const { signed } = targets as { signed: { _type: string; delegations: { succinct_roles: { bit_length: number } } } };
  const { bit_length } = signed.delegations.succinct_roles;
  return { data: { ...rest, bins: bins === 3 ? 2 : bins, type: signed._type, bit_length }, message };
}

const ONLINE_ACCEPTED = { data: { task_id: "", last_update: "2026-11-22T18:26:46Z" }, message: "Force online metadata update accepted." };

export const ARTIFACT_DEVIATIONS: readonly Deviation[] = [
  ...[0, 1, 2].map((line) => ({
    line,
    reason: "A recorded 500: the endpoint read a setting that nothing wrote. It works as documented instead.",
    status: 202,
    instead: ONLINE_ACCEPTED,
  })),
];
