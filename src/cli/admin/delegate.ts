// Makes, changes and takes away delegated roles: a payload that is saved, sent, or both.

import { keyWords } from "../../roles/key-words.ts";
import type { WantedDelegations } from "../../roles/custom-delegations.ts";
import { RestError } from "../../sdk/errors.ts";
import type { MetadataDelegationsPayload } from "../../sdk/api-types.ts";
import type { Targets } from "../../tuf/documents.ts";
import { askRoleFacts, askRoles } from "./ask-plan.ts";
import { writeJsonFile } from "./payload-file.ts";
import { isRoot, readDocument } from "./pending.ts";
import { delegationsAt, type WrittenRole } from "./plan.ts";
import { requireBootstrap, sendAndWait, tellWaiting, trustedDocument, type Sent } from "./send.ts";
import { outFile, serverOrDryRun } from "./shared-options.ts";
import { CliError } from "../errors.ts";
import type { Session } from "../session.ts";

export interface DelegationFlags {
  readonly out?: string | true;
  readonly dryRun?: boolean;
  readonly name?: string;
  readonly path?: readonly string[];
  readonly key?: readonly string[];
  readonly threshold?: string;
  readonly days?: string;
  readonly terminating?: boolean;
  readonly parent?: string;
  readonly bins?: string;
  readonly outside?: boolean;
  readonly window?: string;
  readonly yes?: boolean;
}

export async function newRoles(session: Session, flags: DelegationFlags): Promise<void> {
  const sends = serverOrDryRun(session, flags.dryRun === true);
  if (sends) await requireBootstrap(session, "finished");
  const written = flags.name === undefined ? await askRoles(session, [], "--name ROLE") : [said(flags.name, flags)];
  const payload = await payloadOf(session, written);
  await saveAndSend(session, flags, "delegations-new.json", payload, sends, "Delegation add", async () => (await session.api()).call("POST /api/v1/delegations/", { body: payload }));
}

export async function updateRole(session: Session, flags: DelegationFlags): Promise<void> {
  const targets = await delegatingTargets(session);
  const roles = targets.delegations?.roles ?? [];
  const name = flags.name ?? (await session.ask.choose({ message: "Which role changes?", flag: "--name ROLE", choices: roles.map((role) => ({ value: role.name, label: role.name, hint: (role.paths ?? []).join(" ") })) }));
  const role = await roleInForce(session, name);
  const asked = flags.path === undefined && flags.key === undefined && flags.threshold === undefined && flags.days === undefined && flags.terminating === undefined && flags.outside === undefined && flags.window === undefined;
  const keys = targets.delegations?.keys ?? {};
  const changed = asked
    ? await payloadOf(session, [{ name, ...(await askRoleFacts(session, name, { paths: role.paths, days: role.days })) }])
    : await payloadOf(session, [said(name, { ...flags, path: flags.path ?? role.paths, terminating: flags.terminating ?? role.terminating, days: flags.days ?? String(role.days) })]);
  const [wanted] = changed.delegations.roles;
  // Keys that were not named again stay; those the service knows need not be told.
  const kept = !asked && flags.key === undefined && wanted !== undefined;
  const payload = kept
    ? { delegations: { keys: Object.fromEntries(role.keyids.flatMap((keyid) => { const key = keys[keyid]; return key === undefined ? [] : [[keyid, key]]; })), roles: [{ ...wanted, keyids: role.keyids, threshold: flags.threshold === undefined ? role.threshold : Number(flags.threshold) }] } }
    : changed;
  await saveAndSend(session, flags, "delegations-update.json", payload, flags.dryRun !== true, "Delegation update", async () => (await session.api()).call("PUT /api/v1/delegations/", { body: payload as unknown as MetadataDelegationsPayload }));
}

export async function deleteRoles(session: Session, names: readonly string[], flags: DelegationFlags): Promise<void> {
  const roles = (await delegatingTargets(session)).delegations?.roles;
  if (roles === undefined) throw new CliError("role-unknown", "Metadata uses succinct roles, not allowed.", { why: "the repository has bins and no custom delegations", todo: "rstuf admin resize-bins changes their number" });
  const chosen = names.length > 0 ? names : await session.ask.chooseMany({ message: "Which roles go?", flag: "ROLE", atLeastOne: true, choices: roles.map((role) => ({ value: role.name, label: role.name, hint: (role.paths ?? []).join(" ") })) });
  if (flags.yes !== true && !(await session.ask.confirm({ message: `Delete ${chosen.join(", ")}?`, flag: "--yes" }))) throw new CliError("declined", "nothing was deleted");
  const payload = { delegations: { roles: chosen.map((name) => ({ name })) } };
  await saveAndSend(session, flags, "delegations-delete.json", payload, flags.dryRun !== true, "Delegation delete", async () => (await session.api()).call("POST /api/v1/delegations/delete", { body: payload }));
}

interface RoleInForce {
  readonly paths: readonly string[];
  readonly keyids: readonly string[];
  readonly threshold: number;
  readonly terminating: boolean;
  readonly days: number;
}

const DAY_SECONDS = 86_400;

/** A delegated role, whoever delegates to it. @throws CliError `role-unknown` */
async function roleInForce(session: Session, name: string): Promise<RoleInForce> {
  const role = await (await session.api()).call("GET /api/v1/roles/{name}", { path: { name } }).catch((error: unknown) => {
    if (error instanceof RestError && error.status === 404) throw new CliError("role-unknown", `there is no role ${name}`, { todo: "rstuf admin delegations list shows what there is", cause: error });
    throw error;
  });
  if (role.kind !== "delegated") throw new CliError("role-unknown", `${name} is no delegated role`, { why: `it is of kind ${role.kind}`, todo: "rstuf admin delegations list shows the delegated ones" });
  return { paths: role.paths ?? [], keyids: role.keyids ?? [], threshold: role.threshold ?? 1, terminating: role.terminating !== false, days: Math.max(1, Math.round(role.lifetime_seconds / DAY_SECONDS)) };
}

async function delegatingTargets(session: Session): Promise<Targets> {
  await requireBootstrap(session, "finished");
  const document = readDocument(await trustedDocument(session, "trusted_targets"), "the service's targets");
  if (isRoot(document)) throw new CliError("document-unreadable", "the service's targets is a root", { todo: "is this the right service? See --api-server" });
  return document.signed;
}

function said(name: string, flags: DelegationFlags): WrittenRole {
  return {
    name,
    paths: flags.path ?? [],
    terminating: flags.terminating !== false,
    keys: flags.key ?? [],
    ...(flags.threshold === undefined ? {} : { threshold: Number(flags.threshold) }),
    ...(flags.days === undefined ? {} : { days: Number(flags.days) }),
    ...(flags.parent === undefined ? {} : { parent: flags.parent }),
    ...(flags.bins === undefined ? {} : { bins: Number(flags.bins) }),
    ...(flags.outside === true ? { outside: true } : {}),
    ...(flags.window === undefined ? {} : { window: Number(flags.window) }),
  };
}

async function payloadOf(session: Session, written: readonly WrittenRole[]): Promise<MetadataDelegationsPayload> {
  const faults: string[] = [];
  const delegations: WantedDelegations = await delegationsAt(written, session.path("."), faults);
  if (faults.length > 0) throw new CliError("plan-invalid", `these delegations cannot be:\n${faults.map((fault) => `  ${fault}`).join("\n")}`, { todo: "change what is named, and give the command again; nothing was sent" });
  return { delegations } as unknown as MetadataDelegationsPayload;
}

async function saveAndSend(session: Session, flags: DelegationFlags, name: string, payload: object, sends: boolean, what: string, send: () => Promise<{ readonly data: { readonly task_id: string } }>): Promise<void> {
  const out = outFile(flags.out, name);
  if (out !== undefined) {
    await writeJsonFile(session, out, payload);
    session.note(`Saved result to '${out}'`);
  }
  if (!sends) {
    session.emit({ ...(out === undefined ? { payload } : { file: out }) });
    return;
  }
  tellOutcome(session, await sendAndWait(session, what, send), (payload as { readonly delegations?: { readonly keys?: WantedDelegations["keys"] } }).delegations?.keys ?? {});
}

interface Outcome {
  readonly delegated_roles?: readonly string[];
  readonly failed_roles?: readonly { readonly role: string; readonly reason: string }[];
  readonly waiting_for_metadata?: readonly string[];
  /** Roles whose people have to sign some of it; the task ends before. */
  readonly waiting_for?: readonly string[];
  readonly dropped_artifacts_count?: number;
  readonly moved_artifacts?: number;
}

export function tellOutcome(session: Session, sent: Sent, keys: WantedDelegations["keys"]): void {
  const details = (sent.result?.details ?? {}) as Outcome;
  const failed = details.failed_roles ?? [];
  const waitsFor = details.waiting_for ?? [];
  if ((details.delegated_roles?.length ?? 0) > 0) session.say(`${waitsFor.length > 0 ? "Accepted" : "Done"}: ${details.delegated_roles?.join(", ") ?? ""}`);
  if (sent.waitsFor.length === 0) tellWaiting(session, waitsFor);
  for (const role of details.waiting_for_metadata ?? []) {
    session.say(`It comes with the next document its team uploads: rstuf admin delegations upload ${role} FILE`);
    for (const [keyid, key] of Object.entries(keys)) session.say(`  signed by ${keyWords(keyid, key)}`);
  }
  if (details.moved_artifacts !== undefined) session.say(`Artifacts that changed their role: ${details.moved_artifacts}`);
  if (details.dropped_artifacts_count !== undefined) session.say(`Artifacts that no role lists any more: ${details.dropped_artifacts_count}; rstuf task info ${sent.taskId} names them`);
  session.emit({ taskId: sent.taskId, ...details });
  if (failed.length > 0) throw new CliError("role-refused", `not done: ${failed.map(({ role, reason }) => `${role} (${reason})`).join("; ")}`, { todo: "rstuf admin delegations list shows what there is" });
}
