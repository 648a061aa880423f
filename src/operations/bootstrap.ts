// A repository is asked for: root and settings, to be carried out by the publisher.
//
// The request is stored together with `bootstrap` = `pre-<task>` in the accepting
// transaction, and only while nobody else is at it (rule 23: the row inserts, or nothing).
// Whether the root is one that clients will accept is the publisher's judgement; here the
// request's own rules are checked. Private keys never pass (promise 10).

import { DatabaseError, type SettingValue } from "../ports/database.ts";
import type { WantedDelegations } from "../roles/custom-delegations.ts";
import type { Json, JsonObject } from "../tuf/documents.ts";
import { roleNameFaults } from "../tuf/paths.ts";
import { CLIENT_LIMITS } from "../tuf/trusted-set.ts";
import { readBootstrapState } from "./bootstrap-state.ts";
import { addDelegationFaults } from "./change-delegations.ts";
import { newTaskId, submit, type Idempotency, type OperationDeps, type Submitted } from "./deps.ts";
import { FaultList, OperationError } from "./errors.ts";
import { holdsPrivateKey } from "./private-key.ts";

export interface BootstrapRequest {
  readonly settings: {
    /** False: people sign targets, by the keys that root names for it. */
    readonly targets_online_key?: boolean | null;
    readonly roles: {
      readonly bins?: { readonly expiration: number; readonly number_of_delegated_bins: number } | null;
      readonly delegations?: WantedDelegations | null;
    };
  };
  /** Envelopes by role name, raw: what was signed is what will be stored. */
  readonly metadata: { readonly [role: string]: JsonObject };
}

export interface BootstrapLimits {
  readonly keys: number;
  readonly signatures: number;
}

export const BOOTSTRAP_LIMITS: BootstrapLimits = { keys: 256, signatures: 64 };

/**
 * @throws OperationError `bootstrap-locked`; InvalidRequest with every fault;
 *         DatabaseError as `Database.accept`
 */
export async function bootstrap(deps: OperationDeps, request: BootstrapRequest, idempotency?: Idempotency): Promise<Submitted> {
  checkRequest(request);
  const state = await readBootstrapState(deps.database);
  // The first request with this Idempotency-Key may be the one that holds the lock.
  if (isLocked(state.name) && idempotency === undefined) throw locked(state.name);

  const now = deps.clock.now();
  const task = { id: newTaskId(deps.random), kind: "bootstrap", createdMs: now, request: {} } as const;
  const expectBootstrap = isLocked(state.name) ? { was: undefined } : { was: state.stored };
  const submission = Object.hasOwn(request.metadata, "root")
    ? { settings: { bootstrap: `pre-${task.id}`, bootstrap_request: request as unknown as SettingValue } }
    : // What the contract answers when root is missing.
      { result: { state: "FAILURE", message: "'root'", lastUpdateMs: now } as const };
  try {
    return await submit(deps, { task, changes: [], held: false, expectBootstrap, ...submission }, idempotency);
  } catch (error) {
    if (error instanceof DatabaseError && error.code === "busy-bootstrap") throw locked((await readBootstrapState(deps.database)).name);
    throw error;
  }
}

function isLocked(name: string): boolean {
  return name === "finished" || name === "pre" || name === "signing";
}

function locked(state: OperationError["state"]): OperationError {
  return new OperationError("bootstrap-locked", `the repository has metadata already; state: ${state ?? "unknown"}`, state === undefined ? {} : { state });
}

function checkRequest(request: BootstrapRequest): void {
  const faults = new FaultList();
  checkDelegations(request, faults);
  for (const [role, envelope] of Object.entries(request.metadata)) checkEnvelope(role, envelope, request, faults);
  faults.raise();
}

function checkDelegations(request: BootstrapRequest, faults: FaultList): void {
  const { roles } = request.settings;
  const at = ["settings", "roles"];
  const bins = roles.bins ?? undefined;
  const delegations = roles.delegations ?? undefined;
  if ((bins === undefined) === (delegations === undefined)) {
    faults.add({ at, rule: "Exactly one of 'bins' and 'delegations' must be set", code: "bins-or-delegations", input: roles });
    return;
  }
  if (delegations === undefined) return;
  for (const { name } of delegations.roles) {
    if (roleNameFaults(name).length > 0) {
      const rule = `Delegated custom target name ${name.slice(0, 200)} not allowed Only a-z, A-Z, 0-9, - and _ characters can be used`;
      faults.add({ at, rule, code: "role-name", input: roles });
      return;
    }
  }
  addDelegationFaults(delegations, [...at, "delegations"], NONE, faults);
}

/** Keys that are known already: at the beginning none. */
const NONE: ReadonlySet<string> = new Set();

const SIGNED_MEMBERS: ReadonlySet<string> = new Set([
  "_type", "version", "spec_version", "expires", "keys", "consistent_snapshot", "roles", "meta", "targets", "delegations",
]);

/** What no envelope may hold, whoever signed it. `request` is told back with a fault of its members. */
export function checkEnvelope(role: string, envelope: JsonObject, request: object, faults: FaultList): void {
  const at = ["metadata", role];
  const signed = envelope["signed"];
  const signatures = envelope["signatures"];
  if (Array.isArray(signatures) && signatures.length > BOOTSTRAP_LIMITS.signatures) {
    faults.add({ at: [...at, "signatures"], rule: `at most ${BOOTSTRAP_LIMITS.signatures} signatures`, code: "too-many" });
  }
  const most = role === "root" ? CLIENT_LIMITS.rootBytes : CLIENT_LIMITS.targetsBytes;
  if (JSON.stringify(envelope).length > most) {
    faults.add({ at, rule: `clients read at most ${most} bytes of it`, code: "too-large" });
  }
  if (!isObject(signed)) return;
  for (const name of Object.keys(signed)) {
    if (SIGNED_MEMBERS.has(name) || (name.startsWith("x-") && name.split("-").length >= 3)) continue;
    const rule = `Invalid: \`${name.slice(0, 200)}\` field name, unrecognized_field must use format x-<vendor>-<name>`;
    faults.add({ at: [], rule, code: "field-name", input: request });
  }
  const keys = signed["keys"];
  if (!isObject(keys)) return;
  const entries = Object.entries(keys);
  if (entries.length > BOOTSTRAP_LIMITS.keys) {
    faults.add({ at: [...at, "signed", "keys"], rule: `at most ${BOOTSTRAP_LIMITS.keys} keys`, code: "too-many" });
  }
  for (const [keyid, key] of entries.slice(0, BOOTSTRAP_LIMITS.keys)) {
    // The value is not repeated to anybody, nor logged.
    if (holdsPrivateKey(key)) {
      faults.add({ at: [...at, "signed", "keys", keyid.slice(0, 200), "keyval"], rule: "holds a private key, which must never be sent; treat it as compromised", code: "private-key" });
    }
  }
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
