// Whether a document that a team signed elsewhere may be published as it is.
//
// It is looked at when it comes, and again before it is published: whatever is published of such a role
// passed here under the delegation in force then. The service has no key for it and changes nothing
// in it, so what one client would read otherwise than another, or not find, is refused.

import { compareCodePoints } from "../tuf/canonical.ts";
import type { JsonObject, Targets } from "../tuf/documents.ts";
import { TufError } from "../tuf/errors.ts";
import { parseEnvelope, parseExpires, type ParsedEnvelope } from "../tuf/parse.ts";
import { targetPathFaults } from "../tuf/paths.ts";
import { parseTargetFile, portabilityFault } from "../tuf/target.ts";
import { verifyThreshold } from "../tuf/threshold.ts";
import { CLIENT_LIMITS } from "../tuf/trusted-set.ts";
import { ownerOf, type DelegationTree } from "./delegation.ts";
import { RoleError } from "./errors.ts";
import type { Authority } from "./people.ts";
import type { TargetEntry } from "./targets.ts";

export interface OutsideRules {
  readonly role: string;
  /** Who delegates to whom once it is published. */
  readonly tree: DelegationTree;
  /** Of that tree. */
  readonly authority: Authority;
  /** The last version the name ever had; 0: none. */
  readonly lastVersion: number;
  readonly now: number;
  /** It must live longer than this, milliseconds. */
  readonly marginMs: number;
  readonly artifacts: number;
  readonly customBytes: number;
}

export interface OutsideDocument {
  readonly version: number;
  readonly expiresMs: number;
  /** Sorted by UTF-8 bytes. */
  readonly targets: readonly TargetEntry[];
  readonly parsed: ParsedEnvelope<"targets">;
}

/**
 * Beyond this a version may only be a little above the last one, so that no upload uses up the numbers there are:
 * ours go on above the highest anybody used (ADR 0022). Room for microseconds since 1970.
 */
export const FREE_VERSIONS = 2 ** 51;
const LONGEST_STEP = 2 ** 20;
const LONGEST_LIFE_MS = 36_500 * 86_400_000;
const MOST_SIGNATURES = 64;
/** How many artifacts a refusal names. */
const NAMED = 5;

/** @throws RoleError `document-refused`, with what to do about it */
export function judgeOutside(bytes: Uint8Array, rules: OutsideRules): OutsideDocument {
  const { role } = rules;
  const refuse = (reason: string): never => {
    throw new RoleError("document-refused", reason);
  };
  if (bytes.length > CLIENT_LIMITS.targetsBytes) refuse(`the document has ${String(bytes.length)} bytes; clients read ${String(CLIENT_LIMITS.targetsBytes)}: split the role`);
  const parsed = read(bytes, refuse);
  const { signed } = parsed;
  checkVersion(signed.version, rules, refuse);
  checkSignatures(parsed, rules, refuse);
  const expiresMs = parseExpires(signed.expires);
  if (expiresMs <= rules.now + rules.marginMs) refuse(`it expires at ${signed.expires}: it must live ${String(Math.ceil(rules.marginMs / 60_000))} minutes or longer`);
  if (expiresMs > rules.now + LONGEST_LIFE_MS) refuse(`it expires at ${signed.expires}, more than 36,500 days from now`);
  if (signed.delegations !== undefined && (Object.keys(signed.delegations.keys).length > 0 || (signed.delegations.roles?.length ?? 0) > 0 || signed.delegations.succinct_roles !== undefined)) {
    refuse(`it delegates to other roles; who signs below ${role} is not for its document to say here. Ask for roles beside it`);
  }
  const odd = portabilityFault(signed as unknown as JsonObject);
  if (odd !== undefined) refuse(`it ${odd}: not every client would read what was signed`);
  return { version: signed.version, expiresMs, targets: targetsOf(signed, rules, refuse), parsed };
}

function read(bytes: Uint8Array, refuse: (reason: string) => never): ParsedEnvelope<"targets"> {
  try {
    const parsed = parseEnvelope(bytes, "targets");
    const others = Object.keys(parsed.envelope).filter((name) => name !== "signed" && name !== "signatures");
    if (others.length > 0) refuse(`beside signed and signatures it has ${others.slice(0, NAMED).join(", ")}`);
    return parsed;
  } catch (error) {
    if (error instanceof TufError) return refuse(`it is no targets metadata: ${error.message}`);
    throw error;
  }
}

function checkVersion(version: number, { role, lastVersion }: OutsideRules, refuse: (reason: string) => never): void {
  if (version <= lastVersion) refuse(`version ${String(version)} is not above ${String(lastVersion)}, the last version of ${role}: sign it anew with a higher one`);
  const highest = Math.max(FREE_VERSIONS, lastVersion + LONGEST_STEP);
  if (version > highest) refuse(`version ${String(version)} is too high: the next version of ${role} is from ${String(lastVersion + 1)} to ${String(highest)}`);
}

/** Every signature counts: one that clients would have to pass over is a mistake, and some don't pass over it. */
function checkSignatures({ signatures, canonical }: ParsedEnvelope<"targets">, { role, authority }: OutsideRules, refuse: (reason: string) => never): void {
  if (signatures.length > MOST_SIGNATURES) refuse(`it has ${String(signatures.length)} signatures, at most ${String(MOST_SIGNATURES)} are read`);
  const { valid, met } = verifyThreshold(authority, { signatures, canonical });
  const others = signatures.map(({ keyid }) => keyid).filter((keyid) => !valid.includes(keyid));
  if (!met) refuse(`it is signed by ${String(valid.length)} of the keys of ${role}, ${String(authority.role.threshold)} are needed${others.length > 0 ? `; what does not count: ${others.map((keyid) => keyid.slice(0, 64)).slice(0, NAMED).join(", ")}` : ""}`);
  if (others.length > 0) refuse(`the signature of ${others.map((keyid) => keyid.slice(0, 64)).slice(0, NAMED).join(", ")} is none by a key of ${role}, or a key signed twice: leave it out`);
}

function targetsOf({ targets }: Targets, { role, tree, artifacts, customBytes }: OutsideRules, refuse: (reason: string) => never): readonly TargetEntry[] {
  const paths = Object.keys(targets);
  if (paths.length > artifacts) refuse(`it lists ${String(paths.length)} artifacts, at most ${String(artifacts)} are read`);
  const faults: string[] = [];
  const entries: TargetEntry[] = [];
  for (const path of paths.sort(compareCodePoints)) {
    const said = targets[path] as unknown as JsonObject;
    const fault = targetPathFaults(path)[0] ?? (Object.keys(said).some((name) => name !== "length" && name !== "hashes" && name !== "custom") ? "says more than length, hashes and custom" : placeFault(tree, role, path));
    if (fault !== undefined) {
      faults.push(`${JSON.stringify(path.slice(0, 200))} ${fault}`);
      continue;
    }
    try {
      entries.push({ path, fragment: parseTargetFile(said, { customBytes }).fragment });
    } catch (error) {
      if (!(error instanceof TufError)) throw error;
      faults.push(`${JSON.stringify(path.slice(0, 200))} ${error.message}`);
    }
  }
  if (faults.length > 0) refuse(`${String(faults.length)} of its artifacts can't be: ${faults.slice(0, NAMED).join("; ")}${faults.length > NAMED ? "; and more" : ""}`);
  return entries;
}

/** Why clients would not find the path in that role. */
function placeFault(tree: DelegationTree, role: string, path: string): string | undefined {
  const owner = ownerOf(tree, path);
  if (owner === role) return undefined;
  return owner === undefined ? `is not delegated to ${role}` : `is not ${role}'s: clients ask ${owner} for it`;
}
