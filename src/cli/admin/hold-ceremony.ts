// Holds a ceremony: keys, lifetimes and delegations are asked for or read from a plan; what is signed
// is shown first; the payload is saved, sent, or both. What was answered and signed is kept in a draft
// until it is done, so that an interrupted ceremony goes on.

import { dirname } from "node:path";
import { parse } from "yaml";
import { rootChanges } from "../../roles/root-changes.ts";
import { askPlan } from "./ask-plan.ts";
import { bootstrapPayload, firstRoot, firstTargets } from "./ceremony-payload.ts";
import { collectFor, collectSignatures, review, type SigningFlags } from "./collect-signatures.ts";
import { readDraft, removeDraft, writeDraft, type Draft } from "./draft.ts";
import { writeJsonFile, writeTextFile } from "./payload-file.ts";
import { fingerprint, isRoot, pendingRoot, pendingTopTargets, readDocument, readRoot, standing, type Pending } from "./pending.ts";
import { checkPlan, EXAMPLE_PLAN, planText, type CeremonyPlan, type WrittenPlan } from "./plan.ts";
import { rehearse } from "./rehearsal.ts";
import { detail, requireBootstrap, sendAndWait, trustedDocument } from "./send.ts";
import { outFile, serverOrDryRun } from "./shared-options.ts";
import { CliError } from "../errors.ts";
import { readFileAtMost } from "../read-file.ts";
import type { Session } from "../session.ts";
import type { CommandParts } from "../tree.ts";

export interface CeremonyFlags extends SigningFlags {
  readonly out?: string | true;
  readonly dryRun?: boolean;
  readonly timeout: string;
  readonly plan?: string;
  readonly printPlan?: boolean;
  readonly rehearse?: boolean;
}

const PLAN_MAX_BYTES = 1024 * 1024;

export async function holdCeremony(session: Session, parts: CommandParts, flags: CeremonyFlags): Promise<void> {
  const { plan, ...others } = flags;
  if (flags.rehearse === true) await rehearse(session, parts, (rehearsal, written) => hold(rehearsal, { ...others, dryRun: false }, written), plan === undefined ? undefined : await readPlan(session, plan));
  else if (flags.printPlan === true) await printPlan(session, flags);
  else await hold(session, flags);
}

async function printPlan(session: Session, flags: CeremonyFlags): Promise<void> {
  const plan = flags.plan !== undefined ? await readPlan(session, flags.plan) : session.context.canAsk && !session.json ? await askPlan(session, {}, async () => {}) : EXAMPLE_PLAN;
  if (session.json) session.emit(plan as object);
  else await writeTextFile(session, "-", planText(plan as WrittenPlan));
}

async function readPlan(session: Session, file: string): Promise<unknown> {
  const text = (await readFileAtMost(session.path(file), PLAN_MAX_BYTES)).toString("utf8");
  try {
    return parse(text, { maxAliasCount: 100 }) as unknown;
  } catch (error) {
    throw new CliError("plan-invalid", `${file} is no YAML`, { why: error instanceof Error ? (error.message.split("\n", 1)[0] ?? "") : "", todo: "rstuf admin ceremony --print-plan prints one to begin with", cause: error });
  }
}

/** @param given a plan whose files are named as seen from the session's folder */
async function hold(session: Session, flags: CeremonyFlags, given?: unknown): Promise<void> {
  const sends = serverOrDryRun(session, flags.dryRun === true);
  const out = outFile(flags.out, "ceremony-payload.json");
  if (!sends && out === undefined) throw new CliError("misused", "with --dry-run alone nothing would be left of the ceremony", { todo: "say --out FILE, too" });
  if (sends) await requireBootstrap(session, "open");

  const draft = flags.plan === undefined && given === undefined ? await begunBefore(session) : undefined;
  const started = draft?.started ?? new Date(session.context.clock.now()).toISOString();
  const written = flags.plan !== undefined ? await readPlan(session, flags.plan) : (given ?? (await askPlan(session, draft?.plan ?? {}, (plan) => writeDraft(session, { started, plan }))));
  const plan = await checkPlan(written, flags.plan === undefined ? session.path(".") : dirname(session.path(flags.plan)));
  const kept: { root?: unknown; targets?: unknown } = { root: draft?.root, targets: draft?.targets };
  const keep = async (pending: Pending): Promise<void> => {
    kept[pending.role === "root" ? "root" : "targets"] = pending.document.envelope;
    if (flags.plan === undefined && given === undefined) await writeDraft(session, { started, plan: written as WrittenPlan, ...kept });
  };

  const nowMs = session.context.clock.now();
  const begun = draft?.root === undefined ? firstRoot(plan, nowMs) : pendingRoot(readRoot(draft.root, "the draft"), undefined);
  const begunTargets = targetsOf(draft?.targets, begun) ?? firstTargets(plan, begun, nowMs);
  await session.ask.note("The repository", planLines(plan).join("\n"));
  await review(session, begun, flags);
  if (begunTargets !== undefined) await review(session, begunTargets, flags);
  await keep(begun);
  if (begunTargets !== undefined) await keep(begunTargets);
  const least = sends ? 1 : 0;
  const canCollect = flags.signWith !== undefined || session.context.canAsk || least > 0;
  const [pending = begun, targets] = await signAll(session, begunTargets === undefined ? [begun] : [begun, begunTargets], flags, keep, canCollect, least);

  const payload = bootstrapPayload(plan, pending, targets, Number(flags.timeout));
  if (out !== undefined) {
    await writeJsonFile(session, out, payload);
    session.note(`Saved result to '${out}'`);
  }
  const facts = { fingerprint: fingerprint(pending), signatures: pending.document.signatures.length, complete: standing(pending).complete && (targets === undefined || standing(targets).complete), ...(targets === undefined ? {} : { targets: { fingerprint: fingerprint(targets), signatures: targets.document.signatures.length } }), ...(out === undefined ? {} : { file: out }) };
  if (!sends) {
    await removeDraft(session);
    if (!facts.complete) session.note(`Others sign it with: rstuf admin metadata sign --in ${out ?? "FILE"} --add. Then: rstuf admin send bootstrap ${out ?? "FILE"}`);
    session.emit(facts);
    return;
  }
  const sent = await sendAndWait(session, "Bootstrap", async () => (await session.api()).call("POST /api/v1/bootstrap/", { body: payload }), Number(flags.timeout) * 1000);
  await removeDraft(session);
  await tellEnd(session, pending, detail(sent, "bootstrap"), { ...facts, taskId: sent.taskId });
}

function targetsOf(draft: unknown, root: Pending): Pending | undefined {
  const document = draft === undefined ? undefined : readDocument(draft, "the draft");
  return document === undefined || isRoot(document) || !isRoot(root.document) ? undefined : pendingTopTargets(document, undefined, root.document);
}

/** Root and what is signed with it, one after another; a key that is named signs all that it may. */
async function signAll(session: Session, begun: readonly Pending[], flags: SigningFlags, keep: (pending: Pending) => Promise<void>, canCollect: boolean, least: number): Promise<readonly Pending[]> {
  if (!canCollect) return begun;
  if (begun.length > 1 && flags.signWith !== undefined) return await collectFor(session, begun, flags, keep);
  const signed: Pending[] = [];
  for (const each of begun) {
    if (begun.length > 1) session.note(`Signatures for ${each.role}`);
    signed.push((await collectSignatures(session, each, flags, keep, each.role === "root" ? least : 0)).pending);
  }
  return signed;
}

async function tellEnd(session: Session, pending: Pending, state: string | undefined, facts: object): Promise<void> {
  if (state?.includes("pending") === true) {
    session.say(`${state}.`);
    session.say("Whoever is missing signs with: rstuf admin metadata sign");
  } else {
    const published = readRoot(await trustedDocument(session, "trusted_root"), "the published root");
    const changes = published.canonical.equals(pending.document.canonical) ? [] : rootChanges(pending.document.signed as never, published.signed);
    for (const change of changes) session.say(`Published otherwise than signed here: ${change}`);
    if (changes.length === 0) session.say(`Root version ${published.signed.version} is published as it was signed: ${fingerprint(pending)}`);
    session.say("Ceremony done. 🔐 🎉. Bootstrap completed.");
  }
  session.emit({ ...facts, bootstrap: state });
}

async function begunBefore(session: Session): Promise<Draft | undefined> {
  const draft = session.context.canAsk ? await readDraft(session) : undefined;
  if (draft === undefined) return undefined;
  if (await session.ask.confirm({ message: `Go on with the ceremony that was begun here on ${draft.started.slice(0, 10)}?`, flag: "--plan FILE", initial: true })) return draft;
  await removeDraft(session);
  return undefined;
}

function planLines(plan: CeremonyPlan): string[] {
  const { days, bins, delegations, targets } = plan;
  return [
    ...(targets === undefined ? [] : [`Targets is signed by ${targets.threshold} of ${targets.keys.length} people: ${targets.keys.map(({ name }) => name).join(", ")}`]),
    `Lifetimes in days: root ${days.root}, targets ${days.targets}, snapshot ${days.snapshot}, timestamp ${days.timestamp}${bins === undefined ? "" : `, bins ${bins.days}`}`,
    ...(bins === undefined ? [] : [`Artifacts are spread over ${bins.number} bins`]),
    ...(delegations?.roles ?? []).map((role) => `Role ${role.name}: ${role.paths.join(" ")}, signed by ${role.keyids.length === 0 ? "the online key" : `${role.threshold} of ${role.keyids.length} keys`}, ${String(role["x-rstuf-expire-policy"])} days${role.terminating ? ", terminating" : ""}`),
  ];
}
