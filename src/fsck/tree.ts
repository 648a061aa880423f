// Rule 45 for delegated roles: whoever is delegated to is listed in snapshot, its file is
// there and the one that is stated, verifies under its delegator in this snapshot, and has
// not expired. Roles are read sixteen at a time and forgotten; what stays is small.

import { METADATA_NAME } from "../ports/storage.ts";
import { binNames } from "../tuf/bins.ts";
import { sha256Hex } from "../tuf/crypto.ts";
import type { Delegations, Snapshot, Targets } from "../tuf/documents.ts";
import { parseExpires, type ParsedEnvelope } from "../tuf/parse.ts";
import { delegationOf } from "../tuf/search.ts";
import { CLIENT_LIMITS } from "../tuf/trusted-set.ts";
import { checkDocument } from "./document.ts";
import { readNamed, type PublishedFiles } from "./files.ts";
import type { Findings } from "./report.ts";
import { metaOf } from "./top-level.ts";

/** A targets role that is delegated to now. */
export interface LiveRole {
  readonly name: string;
  readonly file: string;
  readonly version: number;
  readonly length: number;
  readonly sha256: string;
  readonly expiresMs: number;
  readonly paths: number;
}

export interface Tree {
  readonly roles: ReadonlyMap<string, LiveRole>;
  /** What each role that delegates says; targets included. */
  readonly delegations: ReadonlyMap<string, Targets>;
}

export interface TreeInput {
  readonly files: PublishedFiles;
  readonly snapshot: ParsedEnvelope<"snapshot">;
  readonly targets: ParsedEnvelope<"targets">;
  readonly now: number;
  /** Roles whose version this service allocated, so that no two share one: not those it took over and is yet to press. Undefined: none is known to be ours. */
  readonly isOurs: ((role: string) => boolean) | undefined;
  readonly findings: Findings;
  /** Called with each document once, right after it was checked, and after all that delegate to it. */
  readonly visit: (role: LiveRole, document: Targets, above: Tree) => Promise<void>;
  readonly progress: (done: number, known: number) => void;
}

const IN_FLIGHT = 16;
/** 65,536 bins, four times what this service makes. */
const MOST_BITS = 16;

export async function checkTree(input: TreeInput): Promise<Tree> {
  const { snapshot, targets } = input;
  const roles = new Map<string, LiveRole>();
  const delegations = new Map<string, Targets>();
  const top = liveRole("targets", targets, metaOf(snapshot.signed, "targets")?.version);
  roles.set("targets", top);
  if (targets.signed.delegations !== undefined) delegations.set("targets", withoutTargets(targets.signed));
  await input.visit(top, targets.signed, { roles, delegations });

  // By levels, so that a role is checked under all who delegate to it from above.
  let level = delegatedFrom(["targets"], delegations, new Set(["targets"]), input.findings);
  // A role whose file is faulty is not looked at twice.
  const looked = new Set(["targets"]);
  while (level.size > 0) {
    const found: string[] = [];
    for (const name of level.keys()) looked.add(name);
    await inParallel(level, async ([name, parents]) => {
      const document = await checkRole(name, parents, delegations, input);
      if (document !== undefined) {
        const live = liveRole(name, document, metaOf(snapshot.signed, name)?.version);
        roles.set(name, live);
        if (document.signed.delegations !== undefined) {
          delegations.set(name, withoutTargets(document.signed));
          found.push(name);
        }
        await input.visit(live, document.signed, { roles, delegations });
      }
      input.progress(roles.size, looked.size);
    });
    level = delegatedFrom(found, delegations, looked, input.findings);
  }
  checkSharedVersions(roles, snapshot.signed, input);
  return { roles, delegations };
}

async function checkRole(name: string, parents: readonly string[], delegations: ReadonlyMap<string, Targets>, input: TreeInput): Promise<ParsedEnvelope<"targets"> | undefined> {
  const { files, snapshot, findings, now } = input;
  const stated = metaOf(snapshot.signed, name);
  if (stated === undefined) {
    findings.add(45, "not-in-snapshot", name, `is delegated to by ${parents.join(", ")}, and snapshot ${snapshot.signed.version} does not list it`);
    return undefined;
  }
  const file = `${stated.version}.${name}.json`;
  if (!METADATA_NAME.test(file)) {
    findings.add(45, "name", name, "is no name that a role's file can have");
    return undefined;
  }
  const bytes = await readNamed(files, findings, 45, file, `snapshot ${snapshot.signed.version}`);
  if (bytes === undefined) return undefined;
  const delegators = parents.map((parent) => {
    const document = delegations.get(parent);
    return { by: parent, delegator: document && delegationOf(document, name) };
  });
  return checkDocument(bytes, { rule: 45, file, type: "targets", delegators, stated, defaultBytes: CLIENT_LIMITS.targetsBytes, now }, findings);
}

/** Names that `from` delegate to and that are not known yet, each with its delegators among `from`. */
function delegatedFrom(from: readonly string[], delegations: ReadonlyMap<string, Targets>, known: ReadonlySet<string>, findings: Findings): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const parent of from) {
    for (const name of namesIn(delegations.get(parent)?.delegations, findings)) {
      if (known.has(name)) continue;
      const parents = found.get(name);
      if (parents === undefined) found.set(name, [parent]);
      else parents.push(parent);
    }
  }
  return found;
}

function* namesIn(delegations: Delegations | undefined, findings: Findings): Generator<string> {
  if (delegations?.succinct_roles !== undefined) {
    const { name_prefix: prefix, bit_length: bitLength } = delegations.succinct_roles;
    if (bitLength <= MOST_BITS) yield* binNames(prefix, bitLength);
    else findings.add(51, "too-large", prefix, `stands for 2^${bitLength} bins; no snapshot that a client reads lists so many`);
  }
  for (const { name } of delegations?.roles ?? []) yield name;
}

/**
 * Files of equal version, by one key and without a stated hash, pass every check of a client
 * in each other's place. We allocate every version once; elsewhere, and in what was taken over
 * and waits to be pressed, it is worth a note.
 */
function checkSharedVersions(roles: ReadonlyMap<string, LiveRole>, snapshot: Snapshot, { isOurs, findings }: TreeInput): void {
  const byVersion = new Map<number, string>();
  let shared = 0;
  for (const { name, version } of roles.values()) {
    if (metaOf(snapshot, name)?.hashes !== undefined) continue;
    const other = byVersion.get(version);
    if (other === undefined) {
      byVersion.set(version, name);
      continue;
    }
    if (isOurs?.(name) !== true && isOurs?.(other) !== true) shared += 1;
    else findings.add(46, "version-shared", name, `has version ${version} like ${other}, and snapshot states no hash of either: one could be served in the other's place`);
  }
  const until = isOurs === undefined ? "" : "; the next publish presses them";
  if (shared > 0) findings.notes.push(`${shared} roles share a version with another, and snapshot states no hash of them: one could be served in the other's place${until}`);
}

/** @param listed the version snapshot lists, which names the file; a faulty file may say another */
function liveRole(name: string, { signed, bytes }: ParsedEnvelope<"targets">, listed: number | undefined): LiveRole {
  return {
    name,
    file: `${listed ?? signed.version}.${name}.json`,
    version: signed.version,
    length: bytes.byteLength,
    sha256: sha256Hex(bytes),
    expiresMs: parseExpires(signed.expires),
    paths: Object.keys(signed.targets).length,
  };
}

function withoutTargets(signed: Targets): Targets {
  return { ...signed, targets: {} };
}

async function inParallel<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  // One iterator, drawn from by all.
  const queue = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}
