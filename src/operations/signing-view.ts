// A document that waits for signatures, for those who are to decide: what it changes, who may sign, who has, until when.
//
// The words are made from the document and what is in force, by the rules the CLI tells them by (ADR 0013).

import { nextTurn } from "../lib/turn.ts";
import type { SettingValue, SigningEvent, SigningState } from "../ports/database.ts";
import { changedDelegators } from "../roles/delegation-edit.ts";
import { delegationChanges } from "../roles/delegation-changes.ts";
import { noteOf, treesToCome, unitIn } from "../roles/pending-edit.ts";
import { rootChanges } from "../roles/root-changes.ts";
import { plainSignature, standingOf } from "../roles/signing-event.ts";
import { signingModeOf, type SigningMode } from "../roles/signing-mode.ts";
import { targetsChanges, type TargetsBefore } from "../roles/targets-changes.ts";
import { keyNameOf } from "../roles/key-words.ts";
import { sha256Hex } from "../tuf/crypto.ts";
import type { Key, TargetFile } from "../tuf/documents.ts";
import { own } from "../lib/own.ts";
import { formatExpires, parseEnvelope, parseExpires } from "../tuf/parse.ts";
import type { OperationDeps } from "./deps.ts";
import { signingEnvelope } from "./get-signing.ts";
import { demandsFor } from "./signing-events.ts";

export interface KeyHolder {
  readonly keyid: string;
  /** What its holder is called, if the key says. */
  readonly name?: string;
  readonly keytype?: string;
}

export interface SigningView {
  readonly id: string;
  readonly role: string;
  readonly kind: SigningEvent["kind"];
  readonly version: number;
  readonly state: SigningState;
  /** Why the publisher gave it up. */
  readonly reason?: string;
  readonly startedMs: number;
  /** A request (`task`), artifacts that wait for it, or the version in force, which nears its end. */
  readonly startedBy: "request" | "artifacts" | "expiry";
  readonly task?: string;
  /** Roles whose documents are published together with it, in one change of delegations. */
  readonly unit: readonly string[];
  readonly expiresMs: number;
  /** Until then enough must have signed: the document is given up later, or clients miss the version in force. */
  readonly deadlineMs: number;
  readonly replaces?: { readonly version: number; readonly expiresMs: number };
  /** `mixed`: the online key signs, too, when enough people have. */
  readonly signing: SigningMode;
  readonly complete: boolean;
  /** Of a root those of the root in force (`old`), then its own (`new`); of other roles the one. */
  readonly demands: readonly { readonly by: "old" | "new"; readonly threshold: number; readonly signed: readonly KeyHolder[]; readonly missing: readonly KeyHolder[] }[];
  /** The sha256 of the bytes that are signed: what people compare over the phone. */
  readonly sha256: string;
}

export interface SigningDetail extends SigningView {
  /** One sentence each. */
  readonly changes: readonly string[];
  /** The envelope as it was submitted or composed, with the signatures so far. */
  readonly metadata: SettingValue;
  /** The text that is signed, UTF-8. */
  readonly bytes: string;
  /** The envelope it follows, as published; of a role the service signed by itself so far none is kept. */
  readonly inForce?: SettingValue;
}

/** How many artifacts are named before the rest is counted. */
const NAMED = 1_000;

/** What `event` says and waits for. The words go over the whole document: thousands of artifacts take some milliseconds. */
export async function viewOf(deps: OperationDeps, event: SigningEvent): Promise<SigningDetail> {
  await nextTurn();
  const { database } = deps;
  const document = parseEnvelope(event.document);
  const { signed, canonical } = document;
  const demands = await demandsFor(database, event);
  const standing = standingOf(demands, { canonical, signatures: event.signatures.map(plainSignature) });
  const before = await inForce(deps, event);
  const { words, touches } = signed._type === "root"
    ? { words: rootChanges(before?.root, signed), touches: 0 }
    : await targetsWords(deps, event, before?.targets);
  const expiresMs = parseExpires(signed.expires);
  const lastMs = event.kind === "delegated" ? expiresMs - (deps.refreshMarginMs ?? 0) : expiresMs;
  return {
    id: event.id, role: event.role, kind: event.kind, version: event.version, state: event.state,
    ...(event.reason === undefined ? {} : { reason: event.reason }),
    startedMs: event.startedMs,
    startedBy: event.task !== "" || (await carriesEdits(deps, event)) ? "request" : touches > 0 ? "artifacts" : "expiry",
    ...(event.task === "" ? {} : { task: event.task }),
    unit: unitOf(event)?.signs.filter((role) => role !== event.role) ?? [],
    expiresMs,
    deadlineMs: before === undefined ? lastMs : Math.min(lastMs, parseExpires(before.expires)),
    ...(before === undefined ? {} : { replaces: { version: before.version, expiresMs: parseExpires(before.expires) } }),
    signing: event.kind === "delegated" ? signingModeOf(noteOf(event).authority) : "offline",
    complete: standing.complete,
    demands: standing.demands.map(({ by, threshold, signed: has, missing }, at) => {
      const holder = (keyid: string): KeyHolder => holderOf(keyid, own(demands[at]?.keys, keyid));
      return { by, threshold, signed: has.map(holder), missing: missing.map(holder) };
    }),
    sha256: sha256Hex(canonical),
    changes: words,
    metadata: signingEnvelope(event),
    bytes: canonical.toString(),
    ...(before?.bytes === undefined ? {} : { inForce: JSON.parse(before.bytes.toString()) as SettingValue }),
  };
}

const unitOf = (event: SigningEvent): ReturnType<typeof unitIn> => (event.kind === "delegated" ? unitIn(event) : undefined);

/** A version of targets that somebody asked for: changes of delegations, a root, or other online keys. */
async function carriesEdits({ database }: OperationDeps, event: SigningEvent): Promise<boolean> {
  if (event.kind !== "delegated" || event.role !== "targets") return false;
  const { root, targets } = noteOf(event);
  return root !== undefined || (targets?.handed.length ?? 0) > 0 || (await database.eventChanges(event.id)).length > 0;
}

function holderOf(keyid: string, key: Key | undefined): KeyHolder {
  const name = keyNameOf(key);
  return { keyid, ...(name === undefined ? {} : { name }), ...(key === undefined ? {} : { keytype: key.keytype }) };
}

async function targetsWords(deps: OperationDeps, event: SigningEvent, before: TargetsBefore | undefined): Promise<{ readonly words: readonly string[]; readonly touches: number }> {
  const { words, artifacts } = targetsChanges(before, parseEnvelope(event.document, "targets").signed, NAMED);
  return { words: [...(await editWords(deps, event)), ...words], touches: artifacts.added + artifacts.removed + artifacts.changed };
}

/** What the change of delegations it belongs to says of other roles. */
async function editWords({ owners, database }: OperationDeps, event: SigningEvent): Promise<readonly string[]> {
  const unit = unitOf(event)?.unit;
  const tree = unit === undefined ? undefined : await owners.tree();
  if (tree === undefined) return [];
  const [to] = treesToCome(tree, (await database.signingEvents()).filter((other) => unitOf(other)?.unit === unit));
  if (to === undefined) return ["the change of delegations can't be carried out any more"];
  return changedDelegators(tree, to.tree).filter((name) => name !== event.role)
    .flatMap((name) => delegationChanges(tree.delegators.get(name)?.delegations, to.tree.delegators.get(name)?.delegations));
}

interface InForce {
  readonly version: number;
  readonly expires: string;
  readonly bytes?: Buffer;
  readonly root?: ReturnType<typeof rootIn>;
  readonly targets?: TargetsBefore;
}

const rootIn = (bytes: Uint8Array) => parseEnvelope(bytes, "root").signed;

/** What clients have of the role; undefined: nothing yet. */
async function inForce(deps: OperationDeps, { role, kind }: SigningEvent): Promise<InForce | undefined> {
  const { database } = deps;
  const stored = kind === "bootstrap" ? undefined : await database.envelope(role);
  if (stored !== undefined && role === "root") {
    const root = rootIn(stored.bytes);
    return { version: root.version, expires: root.expires, bytes: stored.bytes, root };
  }
  // One that is kept from a time when people signed it before is not the one in force.
  const kept = stored !== undefined && (role === "targets" || (await database.role(role))?.version === stored.version) ? stored : undefined;
  const targets = kept === undefined ? await folded(deps, role) : parseEnvelope(kept.bytes, "targets").signed;
  return targets === undefined ? undefined : { version: targets.version, expires: targets.expires, targets, ...(kept === undefined ? {} : { bytes: kept.bytes }) };
}

const PAGE = 1_000;

/** Of a role the service signed by itself so far, whose envelope is not kept: what it lists. */
async function folded({ database, owners }: OperationDeps, role: string): Promise<TargetsBefore | undefined> {
  const row = await database.role(role);
  if (row === undefined || row.retired) return undefined;
  const targets: Record<string, TargetFile> = {};
  let after: { readonly path: string; readonly role: string } | undefined;
  for (;;) {
    const rows = await database.artifacts({ role }, after, PAGE);
    for (const each of rows) targets[each.path] = JSON.parse(each.fragment) as TargetFile;
    after = rows.at(-1);
    if (after === undefined || rows.length < PAGE) break;
    await nextTurn();
  }
  const delegations = (await owners.tree())?.delegators.get(role)?.delegations;
  return { version: row.version, expires: formatExpires(row.expiresMs), targets, ...(delegations === undefined ? {} : { delegations }) };
}
