// What waits for signatures, with the documents it will replace.

import type { SettingValue, SigningEvent } from "../ports/database.ts";
import { RoleError } from "../roles/errors.ts";
import { pendingEdits, withPending, type PendingEdit } from "../roles/pending-edit.ts";
import { plainSignature } from "../roles/signing-event.ts";
import type { Targets } from "../tuf/documents.ts";
import { readBootstrapState } from "./bootstrap-state.ts";
import type { OperationDeps } from "./deps.ts";
import { OperationError } from "./errors.ts";
import { trustedEnvelope } from "./trusted.ts";

/**
 * Envelopes by role name, as they were submitted, with the signatures so far; beside them
 * `trusted_root` and `trusted_targets` where the contract adds them. Empty when nothing waits.
 * @throws OperationError `bootstrap-required` unless bootstrapped or collecting its signatures
 */
export async function getSigning(deps: OperationDeps): Promise<Readonly<Record<string, SettingValue>>> {
  const { name } = await readBootstrapState(deps.database);
  if (name !== "finished" && name !== "signing") {
    throw new OperationError("bootstrap-required", `nothing can wait for signatures; state: ${name}`, { state: name });
  }
  const pending: Record<string, SettingValue> = {};
  const events = await deps.database.signingEvents();
  for (const event of events) {
    if (event.state === "open") pending[event.role] = signingEnvelope(event);
  }
  const anyTargets = Object.values(pending).some((envelope) => typeOf(envelope) === "targets");
  const trustedRoot = Object.hasOwn(pending, "root") ? await trustedEnvelope(deps.database, "root") : undefined;
  const trustedTargets = anyTargets ? await targetsWith(deps, pendingEdits(events)) : undefined;
  if (trustedRoot !== undefined) pending["trusted_root"] = trustedRoot;
  if (trustedTargets !== undefined) pending["trusted_targets"] = trustedTargets;
  return pending;
}

/**
 * Current targets: signers find in it who signs a role. A role that nobody delegates to yet, or whose keys are about to
 * change, is shown in it as it will be; then the document is nobody's yet, and comes without signatures.
 */
async function targetsWith(deps: Pick<OperationDeps, "database" | "owners">, edits: readonly PendingEdit[]): Promise<SettingValue | undefined> {
  const trusted = await trustedEnvelope(deps.database, "targets");
  const tree = await deps.owners.tree();
  if (trusted === undefined || tree === undefined || !edits.some(({ role }) => role !== undefined)) return trusted;
  let after = tree;
  for (const edit of edits) {
    try {
      if (edit.role !== undefined) after = withPending(after, edit);
    } catch (error) {
      // It can't be any more, and ends by itself.
      if (!(error instanceof RoleError)) throw error;
    }
  }
  const { signed } = trusted as unknown as { readonly signed: Targets };
  return { signatures: [], signed: { ...signed, delegations: after.delegators.get("targets")?.delegations } as unknown as SettingValue };
}

/** The document, nothing in it changed, with every signature that came. */
export function signingEnvelope(event: SigningEvent): SettingValue {
  const { signed } = JSON.parse(event.document.toString()) as { readonly signed: SettingValue };
  return { signatures: event.signatures.map((signature) => plainSignature(signature) as unknown as SettingValue), signed };
}

function typeOf(envelope: SettingValue): unknown {
  return member(member(envelope, "signed"), "_type");
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
