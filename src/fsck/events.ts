// What people sign, and what waits for them: rules 46, 49 and 50 for signing events.
//
// A document that people sign says exactly what the changes it carries ask; one that is frozen verifies, and
// is gone once its version is published; what they signed last is kept whole, as it is published.

import { canonicalString } from "../tuf/canonical.ts";
import { sha256Hex } from "../tuf/crypto.ts";
import type { Json, Key, RoleKeys, Targets } from "../tuf/documents.ts";
import { parseEnvelope, type ParsedEnvelope } from "../tuf/parse.ts";
import { delegationOf } from "../tuf/search.ts";
import { verifyThreshold } from "../tuf/threshold.ts";
import type { OpenChange, PublisherState, SigningEvent } from "../ports/database.ts";
import type { DatabaseView } from "./rows.ts";
import type { Findings } from "./report.ts";
import type { Tree } from "./tree.ts";

/** How many waiting changes of a role, and bytes of them, are looked at. */
const LOOK_AT = { changes: 100_000, bytes: Number.MAX_SAFE_INTEGER };

export async function checkEvents(database: DatabaseView, state: PublisherState, tree: Tree, findings: Findings): Promise<void> {
  await checkKept(database, tree, findings);
  const events = await database.signingEvents();
  const live = new Map<string, SigningEvent["state"][]>();
  for (const event of events) {
    const { id, role, version } = event;
    const carried = await database.eventChanges(id);
    for (const change of carried) await checkTask(database, change, `is carried by the signing of ${role} version ${version}`, findings);
    if (event.state === "cancelled") continue;
    live.set(role, [...(live.get(role) ?? []), event.state]);
    if (event.kind !== "delegated") continue;
    if (version > state.counter) findings.add(46, "counter", role, `version ${version} is being signed, above the last one allocated, ${state.counter}`);
    const document = parsed(event, findings);
    if (document === undefined) continue;
    if (document.signed.version !== version) findings.add(50, "event", role, `what is signed as version ${version} says version ${document.signed.version}`);
    if (editOf(event) === undefined) checkSays(event, document.signed, carried, findings);
    if (event.state === "frozen") checkFrozen(event, document, tree, findings);
  }
  for (const [role, states] of live) {
    for (const one of ["open", "frozen"]) if (states.filter((each) => each === one).length > 1) findings.add(50, "event", role, `has more than one signing event that is ${one}`);
  }
  for (const role of await database.waitingRoles()) {
    for (const change of await database.waitingChanges(role, LOOK_AT)) await checkTask(database, change, `waits for signatures of ${role}`, findings);
  }
}

/** Rule 46: what people signed is kept whole, byte for byte. */
async function checkKept(database: DatabaseView, { roles, delegations }: Tree, findings: Findings): Promise<void> {
  for (const delegator of delegations.values()) {
    for (const { name } of delegator.delegations?.roles ?? []) {
      const live = roles.get(name);
      const authority = delegationOf(delegator, name);
      if (live === undefined || authority === undefined || isSignedOnline(authority)) continue;
      const kept = await database.envelope(name);
      if (kept === undefined) findings.add(46, "row", live.file, "is signed by people, and the database does not keep it");
      else if (sha256Hex(kept.bytes) !== live.sha256) findings.add(46, "row", live.file, "is signed by people, and has other bytes in the database");
    }
  }
}

function isSignedOnline({ keys, role }: { readonly keys: { readonly [keyid: string]: Key }; readonly role: RoleKeys }): boolean {
  const online = role.keyids.map((keyid) => keys[keyid]).filter((key) => typeof key?.["x-rstuf-online-key-uri"] === "string" && key["x-rstuf-online-key-uri"] !== "");
  return new Set(online.map((key) => key?.keyval.public.trim())).size >= role.threshold;
}

async function checkTask(database: DatabaseView, { task, path }: OpenChange, where: string, findings: Findings): Promise<void> {
  const row = await database.getTask(task);
  if (row === undefined) findings.add(49, "task", task, `is unknown, and its change of ${path} ${where}`);
  else if (row.result !== undefined) findings.add(49, "task", task, `ended ${row.result.state}, and its change of ${path} ${where}`);
}

function parsed(event: SigningEvent, findings: Findings): ParsedEnvelope<"targets"> | undefined {
  try {
    return parseEnvelope(event.document, "targets");
  } catch (error) {
    findings.add(50, "event", event.role, `what people are to sign as version ${event.version} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** Rule 49: the last word on each path is in the document. */
function checkSays({ role, version }: SigningEvent, { targets }: Targets, carried: readonly OpenChange[], findings: Findings): void {
  const last = new Map(carried.filter(({ held, kind }) => !held && (kind === "add" || kind === "remove")).map((change) => [change.path, change]));
  for (const { path, kind, fragment } of last.values()) {
    const says = Object.hasOwn(targets, path) ? canonicalString(targets[path] as unknown as Json) : undefined;
    if (says !== (kind === "add" ? fragment : undefined)) findings.add(49, "event", path, `is a change that the signing of ${role} version ${version} carries, and the document says otherwise`);
  }
}

/** Rule 50: frozen bytes are those that were signed, and enough, and gone once they are published. */
function checkFrozen(event: SigningEvent, document: ParsedEnvelope<"targets">, tree: Tree, findings: Findings): void {
  const { role, version, frozen } = event;
  const live = tree.roles.get(role);
  if (live !== undefined && live.version >= version) findings.add(50, "event", role, `version ${version} is frozen, and version ${live.version} is published`);
  const fault = (reason: string): void => findings.add(50, "event", role, `what is frozen as version ${version} ${reason}`);
  if (frozen === undefined) {
    fault("is not there");
    return;
  }
  try {
    const file = parseEnvelope(frozen, "targets");
    if (!file.canonical.equals(document.canonical)) fault("is not what people were given to sign");
    const { authority } = event.note as unknown as { readonly authority: Parameters<typeof verifyThreshold>[0] };
    if (!verifyThreshold(authority, file).met) fault("has too few signatures");
  } catch (error) {
    fault(`cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const editOf = ({ note }: SigningEvent): unknown => (note as { readonly edit?: unknown } | undefined)?.edit;
