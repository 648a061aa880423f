// rstuf admin delegations: custom roles come, change and go.

import { Command, Option } from "commander";
import { keyWords } from "../../../roles/key-words.ts";
import type { WantedDelegations } from "../../../roles/custom-delegations.ts";
import { RestError } from "../../../sdk/errors.ts";
import type { MetadataDelegationsPayload } from "../../../sdk/api-types.ts";
import type { Targets } from "../../../tuf/documents.ts";
import { askRoleFacts, askRoles } from "../../admin/ask-plan.ts";
import { writeJsonFile } from "../../admin/payload-file.ts";
import { isRoot, readDocument } from "../../admin/pending.ts";
import { delegationsAt, type WrittenRole } from "../../admin/plan.ts";
import { requireBootstrap, sendAndWait, trustedDocument, type Sent } from "../../admin/send.ts";
import { dryRunOption, outFile, outOption, serverOrDryRun } from "../../admin/shared-options.ts";
import type { CliContext } from "../../context.ts";
import { CliError } from "../../errors.ts";
import { examplesText } from "../../examples.ts";
import { withServer } from "../../options.ts";
import { openSession, type Session } from "../../session.ts";

interface Flags {
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
  readonly yes?: boolean;
}

const SERVER = "--api-server http://127.0.0.1:8080";
export const DELEGATIONS_EXAMPLES = {
  new: [`rstuf admin delegations new --name project --path 'project/*' --days 30 ${SERVER}`, `rstuf admin delegations new --name project-arm --parent project --path 'project/arm*' --bins 4 ${SERVER}`, `rstuf admin delegations new --name nightly --path 'nightly/*' --dry-run --out`, `rstuf admin delegations new --name team --path 'team/*' --key team.pub --outside ${SERVER}`],
  update: [`rstuf admin delegations update --name project --days 60 ${SERVER}`],
  delete: [`rstuf admin delegations delete nightly --yes ${SERVER}`],
} as const;
const EXIT_TEXT = "0 done, 1 refused or failed, 2 used wrongly";
const many = (text: string, before: unknown): string[] => [...((before as string[] | undefined) ?? []), text];

function roleOptions(command: Command): Command {
  return command
    .option("--name <role>", "the role")
    .addOption(new Option("--path <pattern>", "artifacts it signs for, e.g. 'project/*'; may be repeated").argParser(many))
    .addOption(new Option("--key <file>", "a public key of a person who signs; may be repeated (default: the online key)").argParser(many))
    .option("--threshold <number>", "so many of its keys must sign (default: all)")
    .option("--days <days>", "how long a version lives (default: 365)")
    .option("--terminating", "a search for its artifacts ends with it (a new role's default)")
    .option("--no-terminating", "a search goes on behind it when it does not list an artifact")
    .option("--outside", "its team signs it elsewhere, and uploads it: rstuf admin delegations upload");
}

export function delegationsNewCommand(context: CliContext): Command {
  const command = withServer(roleOptions(new Command()))
    .description("Delegates artifacts to new roles, each with patterns, keys and a lifetime of its own.")
    .option("--parent <role>", "the custom role that delegates to it (default: targets)")
    .option("--bins <number>", "spread its artifacts over so many bins of its own")
    .addOption(outOption("delegations-new.json"))
    .addOption(dryRunOption())
    .addHelpText("after", examplesText([{ commands: DELEGATIONS_EXAMPLES.new }], EXIT_TEXT));
  return command.action(async (flags: Flags) => {
    const session = await openSession(context, command);
    const sends = serverOrDryRun(session, flags.dryRun === true);
    if (sends) await requireBootstrap(session, "finished");
    const written = flags.name === undefined ? await askRoles(session, []) : [said(flags.name, flags)];
    const payload = await payloadOf(session, written);
    await saveAndSend(session, flags, "delegations-new.json", payload, sends, "Delegation add", async () => (await session.api()).call("POST /api/v1/delegations/", { body: payload }));
  });
}

export function delegationsUpdateCommand(context: CliContext): Command {
  const command = withServer(roleOptions(new Command()))
    .description("Changes a delegated role: patterns, keys, threshold, lifetime. It keeps its place. What is not said stays as it is.")
    .addOption(outOption("delegations-update.json"))
    .addOption(dryRunOption())
    .addHelpText("after", examplesText([{ commands: DELEGATIONS_EXAMPLES.update }], EXIT_TEXT));
  return command.action(async (flags: Flags) => {
    const session = await openSession(context, command);
    const targets = await delegatingTargets(session);
    const roles = targets.delegations?.roles ?? [];
    const name = flags.name ?? (await session.ask.choose({ message: "Which role changes?", flag: "--name ROLE", choices: roles.map((role) => ({ value: role.name, label: role.name, hint: (role.paths ?? []).join(" ") })) }));
    const role = await roleInForce(session, name);
    const asked = flags.path === undefined && flags.key === undefined && flags.threshold === undefined && flags.days === undefined && flags.terminating === undefined && flags.outside === undefined;
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
  });
}

export function delegationsDeleteCommand(context: CliContext): Command {
  const command = withServer(new Command())
    .argument("[role...]", "the roles that go")
    .description("Takes delegated roles away. Their artifacts go to the roles that take them then; what no role takes is no longer listed, and told.")
    .addOption(new Option("--metadata-url <url>", "accepted for old scripts; the service is asked instead").hideHelp())
    .addOption(outOption("delegations-delete.json"))
    .addOption(dryRunOption())
    .option("--yes", "do not ask")
    .addHelpText("after", examplesText([{ commands: DELEGATIONS_EXAMPLES.delete }], EXIT_TEXT));
  return command.action(async (names: string[], flags: Flags) => {
    const session = await openSession(context, command);
    const roles = (await delegatingTargets(session)).delegations?.roles;
    if (roles === undefined) throw new CliError("role-unknown", "Metadata uses succinct roles, not allowed.", { why: "the repository has bins and no custom delegations" });
    const chosen = names.length > 0 ? names : await session.ask.chooseMany({ message: "Which roles go?", flag: "ROLE", atLeastOne: true, choices: roles.map((role) => ({ value: role.name, label: role.name, hint: (role.paths ?? []).join(" ") })) });
    if (flags.yes !== true && !(await session.ask.confirm({ message: `Delete ${chosen.join(", ")}?`, flag: "--yes" }))) throw new CliError("declined", "nothing was deleted");
    const payload = { delegations: { roles: chosen.map((name) => ({ name })) } };
    await saveAndSend(session, flags, "delegations-delete.json", payload, flags.dryRun !== true, "Delegation delete", async () => (await session.api()).call("POST /api/v1/delegations/delete", { body: payload }));
  });
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
  if (role.kind !== "delegated") throw new CliError("role-unknown", `${name} is no delegated role`, { why: `it is of kind ${role.kind}` });
  return { paths: role.paths ?? [], keyids: role.keyids ?? [], threshold: role.threshold ?? 1, terminating: role.terminating !== false, days: Math.max(1, Math.round(role.lifetime_seconds / DAY_SECONDS)) };
}

async function delegatingTargets(session: Session): Promise<Targets> {
  await requireBootstrap(session, "finished");
  const document = readDocument(await trustedDocument(session, "trusted_targets"), "the service's targets");
  if (isRoot(document)) throw new CliError("document-unreadable", "the service's targets is a root");
  return document.signed;
}

function said(name: string, flags: Flags): WrittenRole {
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
  };
}

async function payloadOf(session: Session, written: readonly WrittenRole[]): Promise<MetadataDelegationsPayload> {
  const faults: string[] = [];
  const delegations: WantedDelegations = await delegationsAt(written, session.path("."), faults);
  if (faults.length > 0) throw new CliError("plan-invalid", `these delegations cannot be:\n${faults.map((fault) => `  ${fault}`).join("\n")}`);
  return { delegations } as unknown as MetadataDelegationsPayload;
}

async function saveAndSend(session: Session, flags: Flags, name: string, payload: object, sends: boolean, what: string, send: () => Promise<{ readonly data: { readonly task_id: string } }>): Promise<void> {
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
  readonly dropped_artifacts_count?: number;
  readonly moved_artifacts?: number;
}

function tellOutcome(session: Session, sent: Sent, keys: WantedDelegations["keys"]): void {
  const details = (sent.result?.details ?? {}) as Outcome;
  const failed = details.failed_roles ?? [];
  if ((details.delegated_roles?.length ?? 0) > 0) session.say(`Done: ${details.delegated_roles?.join(", ") ?? ""}`);
  for (const role of details.waiting_for_metadata ?? []) {
    session.say(`It comes with the next document its team uploads: rstuf admin delegations upload ${role} FILE`);
    for (const [keyid, key] of Object.entries(keys)) session.say(`  signed by ${keyWords(keyid, key)}`);
  }
  if (details.moved_artifacts !== undefined) session.say(`Artifacts that changed their role: ${details.moved_artifacts}`);
  if (details.dropped_artifacts_count !== undefined) session.say(`Artifacts that no role lists any more: ${details.dropped_artifacts_count}; rstuf task info ${sent.taskId} names them`);
  session.emit({ taskId: sent.taskId, ...details });
  if (failed.length > 0) throw new CliError("role-refused", `not done: ${failed.map(({ role, reason }) => `${role} (${reason})`).join("; ")}`);
}
