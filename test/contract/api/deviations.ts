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

const VERSIONS = "Version numbers are drawn from one counter of the whole repository, and a first version lives as long as its role says, not for a moment.";

/** What waits for signatures: of each role who signed, and what it lists; of targets who is delegated to. */
function signingShape(answer: unknown): unknown {
  const { data, message } = answer as { data?: { metadata: Record<string, { signatures: { keyid: string }[]; signed: { targets: object; delegations?: { roles: { name: string; keyids: string[] }[] } } }> }; message: string };
  const metadata = Object.entries(data?.metadata ?? {}).map(([role, { signatures, signed }]) => [role, role === "trusted_targets"
    ? signed.delegations?.roles.map(({ name }) => name)
    : { signed: signatures.map(({ keyid }) => keyid), targets: Object.keys(signed.targets) }]);
  return { metadata: Object.fromEntries(metadata) as unknown, message };
}

/** The version in the text of a signature's task. */
const withoutVersion = (answer: unknown): unknown => JSON.parse(JSON.stringify(answer).replace(/ v[0-9]+ is pending/, " is pending"));

const SIGNING = (metadata: object) => ({ data: { metadata }, message: "Metadata role(s) pending signing" });
const ROLE = { signatures: [], signed: { targets: {} } };
const TARGETS = (...names: string[]) => ({ signatures: [], signed: { targets: {}, delegations: { roles: names.map((name) => ({ name, keyids: [] })) } } });
const PROCESSED = (task_id: string, details: unknown) => ({
  task_id, state: "SUCCESS",
  result: { message: "Metadata Delegation Processed", status: true, task: "metadata_delegation", last_update: "2026-11-22T18:28:04.342357Z", details },
});

export const DELEGATION_DEVIATIONS: readonly Deviation[] = [
  ...[3, 7, 15, 19].map((line) => ({ line, reason: VERSIONS, adjust: signingShape })),
  ...[6, 18].map((line) => ({ line, reason: VERSIONS, adjust: withoutVersion })),
  {
    line: 14,
    reason: "A task is SUCCESS when clients can see its artifacts: one of a role that people sign waits for them.",
    instead: {
      task_id: "7f180b5281424b02bf6c525ed3fbc21a", state: "RUNNING",
      result: { message: "Waiting for signatures", last_update: "2026-11-22T18:27:58.723396Z", details: { published_roles: [], roles_to_publish: "['prod', 'default']", waiting_for: ["prod"] } },
    },
  },
  {
    line: 25,
    reason: "A role that nobody could ever sign is reported failed and not added; reasons are strings; for whom the rest waits is told.",
    instead: PROCESSED("7d405028ea334309b93f4f85263710fc", {
      delegated_roles: ["beta", "on2"],
      failed_roles: [{ role: "prod", reason: "role already exists" }, { role: "bad", reason: "If no keys assigned threshold must be 1" }],
      waiting_for: ["beta"],
    }),
  },
  {
    line: 28,
    reason: "Failures only are listed, each once, by the role's name.",
    instead: PROCESSED("92a98c26a6d34245922797b3ae06b228", { delegated_roles: ["beta"], failed_roles: [{ role: "nope", reason: "role nope doesn't exist." }], waiting_for: ["beta"] }),
  },
  {
    line: 29,
    reason: "A keyid without its key is refused at the door instead of failing the task.",
    status: 422,
    instead: { detail: [{ type: "value_error", loc: ["body", "delegations", "roles", 0, "keyids", 0], msg: "Value error, names a key that is not among the keys" }] },
  },
  ...[30, 31].map((line) => ({ line, reason: "The task of a request that was refused.", skip: true as const })),
  { line: 37, reason: "A deleted name may be used again.", instead: PROCESSED("ba0a5e974c804dfea1bbab74016d868e", { delegated_roles: ["on2"], failed_roles: [] }) },
  {
    line: 40,
    reason: "A recorded 500: the validator crashed on a role without paths. The field is named instead.",
    status: 422,
    instead: { detail: [{ type: "missing", loc: ["body", "delegations", "roles", 0, "paths"], msg: "Field required" }] },
  },
  { line: 42, reason: "A role without a lifetime gets that of targets instead of failing the task.", instead: PROCESSED("dd4f4d8cd1024a8ab761121e24fe2856", { delegated_roles: ["q"], failed_roles: [] }) },
  { line: 45, reason: "delegated_roles is always a list.", instead: PROCESSED("281fccdcfe6e4cb296725e97f38a75ef", { delegated_roles: [], failed_roles: [] }) },
  { line: 46, reason: `${VERSIONS} A role that nobody could ever sign is not there.`, adjust: signingShape, instead: SIGNING({ beta: ROLE, trusted_targets: TARGETS("prod", "default", "beta", "on2", "q") }) },
];
