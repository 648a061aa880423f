// What waits for signatures, with the documents it will replace.

import type { SettingValue, SigningEvent } from "../ports/database.ts";
import { plainSignature } from "../roles/signing-event.ts";
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
  for (const event of await deps.database.signingEvents()) {
    if (event.state === "open") pending[event.role] = signingEnvelope(event);
  }
  const anyTargets = Object.values(pending).some((envelope) => typeOf(envelope) === "targets");
  const trustedRoot = Object.hasOwn(pending, "root") ? await trustedEnvelope(deps.database, "root") : undefined;
  const trustedTargets = anyTargets ? await trustedEnvelope(deps.database, "targets") : undefined;
  if (trustedRoot !== undefined) pending["trusted_root"] = trustedRoot;
  if (trustedTargets !== undefined) pending["trusted_targets"] = trustedTargets;
  return pending;
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
