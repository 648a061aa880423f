// What waits for signatures, with the documents it will replace.

import type { SettingValue, SigningEvent } from "../ports/database.ts";
import { RoleError } from "../roles/errors.ts";
import { noteOf, pendingEdits, withPending } from "../roles/pending-edit.ts";
import { plainSignature } from "../roles/signing-event.ts";
import type { DelegationTree, TreeRole } from "../roles/delegation.ts";
import type { Delegations, Targets } from "../tuf/documents.ts";
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
  // Who signs targets stands in root.
  const trustedRoot = Object.hasOwn(pending, "root") || Object.hasOwn(pending, "targets") ? await trustedEnvelope(deps.database, "root") : undefined;
  const trustedTargets = anyTargets ? await targetsWith(deps, events, Object.keys(pending)) : undefined;
  if (trustedRoot !== undefined) pending["trusted_root"] = trustedRoot;
  if (trustedTargets !== undefined) pending["trusted_targets"] = trustedTargets;
  return pending;
}

/**
 * Current targets: signers find in it who signs a role. A role that nobody delegates to yet, or whose keys are about to
 * change, is shown in it as it will be, and one of `roles` that another role delegates to as if targets did; then the
 * document is nobody's, and comes without signatures.
 */
async function targetsWith(deps: Pick<OperationDeps, "database" | "owners">, events: readonly SigningEvent[], roles: readonly string[]): Promise<SettingValue | undefined> {
  const trusted = await trustedEnvelope(deps.database, "targets");
  const tree = await deps.owners.tree();
  if (trusted === undefined || tree === undefined) return trusted;
  // A version of targets that waits says itself who signs what comes with it; a frozen one is not shown any more.
  const next = events.find((event) => event.kind === "delegated" && event.role === "targets" && event.state === "frozen" && (noteOf(event).targets?.signs.length ?? 0) > 1);
  if (next !== undefined) return { signatures: [], signed: (JSON.parse(next.document.toString()) as { readonly signed: SettingValue }).signed };
  const edits = pendingEdits(events);
  let after = tree;
  for (const edit of edits) {
    try {
      if (edit.role !== undefined) after = withPending(after, edit);
    } catch (error) {
      // It can't be any more, and ends by itself.
      if (!(error instanceof RoleError)) throw error;
    }
  }
  const nested = after.custom.filter(({ name, parent }) => parent !== "targets" && roles.includes(name));
  if (nested.length === 0 && !edits.some(({ role }) => role !== undefined)) return trusted;
  const { signed } = trusted as unknown as { readonly signed: Targets };
  return { signatures: [], signed: { ...signed, delegations: withNested(after, nested) } as unknown as SettingValue };
}

function withNested(tree: DelegationTree, nested: readonly TreeRole[]): Delegations | undefined {
  const top = tree.delegators.get("targets")?.delegations;
  if (top === undefined || nested.length === 0) return top;
  const keys = nested.flatMap(({ parent, keyids }) => Object.entries(tree.delegators.get(parent)?.delegations.keys ?? {}).filter(([keyid]) => keyids.includes(keyid)));
  // A document that carries succinct bins has no roles beside them; nobody follows this one.
  const { succinct_roles: _, ...others } = top;
  return { ...others, keys: { ...top.keys, ...Object.fromEntries(keys) }, roles: [...(top.roles ?? []), ...nested.map(({ parent: __, ...role }) => role)] };
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
