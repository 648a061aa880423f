// Makes, signs and sends the next root: what is to change is said, or asked for.

import { keyNameOf, keyWords } from "../../roles/key-words.ts";
import { DEFAULT_DAYS } from "../../roles/policy.ts";
import { peopleSignTargets } from "../../roles/root-rules.ts";
import { onlineKeyOf } from "../../roles/root-update.ts";
import type { Root } from "../../tuf/documents.ts";
import type { ParsedEnvelope } from "../../tuf/parse.ts";
import { parseExpires } from "../../tuf/parse.ts";
import { askThreshold } from "./ask-plan.ts";
import { askKey } from "./ask-keys.ts";
import { collectSignatures, review, type SigningFlags } from "./collect-signatures.ts";
import { defaultUri, namedKey, readPublicKey, type NamedKey } from "./key-files.ts";
import { nextRoot, rootKeyNamed, type RootChange } from "./next-root.ts";
import { writeJsonFile } from "./payload-file.ts";
import { fingerprint, isRoot, standing, type Pending } from "./pending.ts";
import { isDays, MOST_DAYS } from "./days.ts";
import { rootInForce } from "./root-in-force.ts";
import { detail, sendAndWait } from "./send.ts";
import { outFile, serverOrDryRun } from "./shared-options.ts";
import { RestError } from "../../sdk/errors.ts";
import { CliError } from "../errors.ts";
import type { Session } from "../session.ts";

export interface UpdateFlags extends SigningFlags {
  readonly in?: string;
  readonly metadataUrl?: string;
  readonly out?: string | true;
  readonly dryRun?: boolean;
  readonly days?: string;
  readonly threshold?: string;
  readonly addKey?: readonly string[];
  readonly removeKey?: readonly string[];
  readonly onlineKey?: string;
  readonly onlineUri?: string;
  readonly compromised?: boolean;
  readonly targetsKey?: readonly string[];
  readonly targetsThreshold?: string;
  readonly targetsOnline?: boolean;
}

export async function updateRoot(session: Session, flags: UpdateFlags): Promise<void> {
  const sends = serverOrDryRun(session, flags.dryRun === true);
  const out = outFile(flags.out, "update-payload.json");
  if (!sends && out === undefined) throw new CliError("misused", "with --dry-run alone nothing would be left of the update", { todo: "say --out FILE, too" });
  if (flags.compromised === true && flags.onlineKey === undefined && !session.context.canAsk) throw new CliError("misused", "--compromised replaces the online key: name the new one with --online-key");
  const current = await rootInForce(session, flags);
  if (sends) await refuseSecond(session);
  const change = isSaid(flags) ? await saidChange(session, current, flags) : await askedChange(session, current, flags.compromised === true);
  const begun = nextRoot(current, change, session.context.clock.now());
  if (parseExpires(begun.document.signed.expires) <= session.context.clock.now()) throw new CliError("plan-invalid", `the new root would be expired: ${begun.document.signed.expires}`, { todo: "say --days, too" });
  await review(session, begun, flags);
  const least = sends ? 1 : 0;
  const canCollect = flags.signWith !== undefined || session.context.canAsk || least > 0;
  const { pending } = canCollect ? await collectSignatures(session, begun, flags, async () => {}, least) : { pending: begun };
  const payload = { metadata: { root: pending.document.envelope as unknown as Readonly<Record<string, unknown>> }, ...(flags.compromised === true ? { compromised: true } : {}), ...(givesTargetsToPeople(current.signed, begun) ? { targets_online_key: false } : {}) };
  const facts = { version: pending.document.signed.version, fingerprint: fingerprint(pending), complete: standing(pending).complete, ...(out === undefined ? {} : { file: out }) };
  if (out !== undefined) {
    await writeJsonFile(session, out, payload);
    session.note(`Saved result to '${out}'`);
  }
  if (!sends) {
    session.emit(facts);
    return;
  }
  const sent = await sendAndWait(session, "Metadata update", async () => (await session.api()).call("POST /api/v1/metadata/", { body: payload }));
  const state = detail(sent, "update");
  if (state !== undefined && isRoot(pending.document) && (peopleSignTargets(current.signed) || peopleSignTargets(pending.document.signed))) session.note("Where a root changes who signs targets, targets waits beside it: rstuf admin metadata sign --role targets");
  session.say(state === undefined ? "Root metadata update completed. 🔐 🎉" : `${state}.`);
  if (state !== undefined) session.say("Whoever is missing signs with: rstuf admin metadata sign");
  session.emit({ ...facts, taskId: sent.taskId, state });
}

/**
 * Told before anybody signs. What the service began by itself gives way to another root.
 * @throws CliError `signing-pending`
 */
async function refuseSecond(session: Session): Promise<void> {
  const { data } = await (await session.api()).call("GET /api/v1/signing-events", { query: { state: "open", role: "root" } }).catch((error: unknown) => {
    // A service of an earlier release tells nothing of it, and refuses what is sent.
    if (error instanceof RestError && error.status === 404) return { data: [] };
    throw error;
  });
  const other = data.find(({ kind, started_by: by }) => kind === "root" && by === "request");
  if (other === undefined) return;
  throw new CliError("signing-pending", `root version ${other.version} waits for signatures already`, { why: `it was asked for on ${other.started.slice(0, 10)}, and only one waits at a time`, todo: "sign it: rstuf admin metadata sign; or give it up: rstuf admin metadata stop-sign --role root" });
}

const givesTargetsToPeople = (before: Root, { document }: Pending): boolean => isRoot(document) && peopleSignTargets(document.signed) && !peopleSignTargets(before);

const isSaid = (flags: UpdateFlags): boolean => flags.days !== undefined || flags.threshold !== undefined || flags.addKey !== undefined || flags.removeKey !== undefined || flags.onlineKey !== undefined || flags.targetsKey !== undefined || flags.targetsOnline !== undefined;

async function saidChange(session: Session, current: ParsedEnvelope<"root">, flags: UpdateFlags): Promise<RootChange> {
  const days = flags.days === undefined ? undefined : Number(flags.days);
  if (days !== undefined && !isDays(days)) throw new CliError("misused", `--days ${flags.days ?? ""} is no whole number from 1 to ${MOST_DAYS}`);
  const threshold = flags.threshold === undefined ? undefined : Number(flags.threshold);
  if (threshold !== undefined && (!Number.isSafeInteger(threshold) || threshold < 1)) throw new CliError("misused", `--threshold ${flags.threshold ?? ""} is no whole number of at least 1`);
  const add = await Promise.all((flags.addKey ?? []).map(async (file) => named(session, file)));
  const online = flags.onlineKey === undefined ? undefined : await named(session, flags.onlineKey, (key) => flags.onlineUri ?? defaultUri(key));
  const targets = await saidTargets(session, flags);
  return { days, threshold, add, targets, remove: (flags.removeKey ?? []).map((word) => rootKeyNamed(current.signed, word, keyNameOf)), online };
}

async function saidTargets(session: Session, flags: UpdateFlags): Promise<RootChange["targets"]> {
  const { targetsKey: files, targetsThreshold: text, targetsOnline } = flags;
  if (files === undefined && text !== undefined) throw new CliError("misused", "--targets-threshold counts the keys of --targets-key: name all of them");
  if (files !== undefined && targetsOnline === true) throw new CliError("misused", "targets is signed by people (--targets-key) or online (--targets-online), not both");
  const threshold = text === undefined ? undefined : Number(text);
  if (threshold !== undefined && (!Number.isSafeInteger(threshold) || threshold < 1)) throw new CliError("misused", `--targets-threshold ${text ?? ""} is no whole number of at least 1`);
  if (files === undefined) return targetsOnline === true ? "online" : undefined;
  return { keys: await Promise.all(files.map(async (file) => named(session, file))), threshold };
}

async function named(session: Session, file: string, uri?: (key: NamedKey["key"]) => string): Promise<NamedKey> {
  const { key, suggestedName } = await readPublicKey(session.path(file), file);
  return namedKey(key, suggestedName, uri?.(key));
}

async function askedChange(session: Session, current: ParsedEnvelope<"root">, compromised: boolean): Promise<RootChange> {
  const { ask } = session;
  const root = current.signed;
  const nowMs = session.context.clock.now();
  const expired = parseExpires(root.expires) <= nowMs;
  let days: number | undefined;
  if (expired) session.note(`Root expired on ${root.expires}.`);
  if (expired || (await ask.confirm({ message: `Root expires on ${root.expires}. Do you want to change the expiry date?`, flag: "--days N", initial: true }))) {
    days = Number(await ask.text({ message: "Please enter days until expiry for 'root' role", flag: "--days N", initial: String(DEFAULT_DAYS.root), check: (answer) => (isDays(Number(answer)) ? undefined : `a whole number from 1 to ${MOST_DAYS}`) }));
  }
  let { threshold } = root.roles.root;
  if (await ask.confirm({ message: `Root signature threshold is ${threshold}. Do you want to change the threshold?`, flag: "--threshold N" })) threshold = await askThreshold(session, "root", threshold);
  const keys: NamedKey[] = root.roles.root.keyids.flatMap((keyid) => {
    const key = root.keys[keyid];
    return key === undefined ? [] : [{ keyid, key, name: keyNameOf(key) ?? keyid }];
  });
  const after = await askRootKeys(session, keys, threshold);
  const before = onlineKeyOf(root);
  const online = compromised || (await ask.confirm({ message: `Current online key is: '${before === undefined ? "" : (keyNameOf(before.key) ?? before.keyid)}'. Do you want to change the online key?`, flag: "--online-key FILE" }))
    ? (await askKey(session, "the online key", [...after, ...(before === undefined ? [] : [{ ...before, name: keyNameOf(before.key) ?? before.keyid }])], "--online-key FILE", { online: true })).named
    : undefined;
  return { days, threshold, add: after.filter(({ keyid }) => !keys.some((key) => key.keyid === keyid)), remove: keys.filter(({ keyid }) => !after.some((key) => key.keyid === keyid)).map(({ keyid }) => keyid), online };
}

async function askRootKeys(session: Session, begun: readonly NamedKey[], threshold: number): Promise<NamedKey[]> {
  const keys = [...begun];
  for (;;) {
    const missing = threshold - keys.length;
    session.note(missing > 0 ? `${missing} key(s) missing for threshold ${threshold}.` : `Threshold ${threshold} is met, more keys can be added.`);
    const next = await session.ask.choose<"continue" | "add" | "remove">({
      message: `root keys: ${keys.map(({ name }) => name).join(", ")}`,
      flag: "--add-key FILE, --remove-key NAME",
      initial: missing > 0 ? "add" : "continue",
      choices: [...(missing > 0 ? [] : [{ value: "continue" as const, label: "continue" }]), { value: "add", label: "add" }, ...(keys.length === 0 ? [] : [{ value: "remove" as const, label: "remove" }])],
    });
    if (next === "continue") return keys;
    if (next === "add") keys.push((await askKey(session, `root key ${keys.length + 1}`, keys, "--add-key FILE", { online: false })).named);
    else keys.splice(keys.indexOf(await session.ask.choose({ message: "Which one goes?", flag: "--remove-key NAME", choices: keys.map((key) => ({ value: key, label: keyWords(key.keyid, key.key) })) })), 1);
  }
}
