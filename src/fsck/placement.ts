// Rule 48: each path sits in exactly one live role, and that role is the first that a
// client's search reaches. Rule 51: within the number of roles a client visits.
//
// Nearly every path lies where the first delegation that takes it leads, and so on downwards, by way of
// roles that list nothing themselves; that is seen while its role is read, after those above it. Only
// the others are kept until the whole tree is known.

import { knownHashes } from "../tuf/parse.ts";
import { targetPathFaults } from "../tuf/paths.ts";
import { delegationsFor } from "../tuf/search.ts";
import type { Targets } from "../tuf/documents.ts";
import { CLIENT_LIMITS } from "../tuf/trusted-set.ts";
import type { Findings } from "./report.ts";
import type { LiveRole, Tree } from "./tree.ts";

export class Placement {
  readonly #findings: Findings;
  readonly #top: Targets;
  readonly #undecided: { readonly path: string; readonly role: string }[] = [];

  constructor(top: Targets, findings: Findings) {
    this.#top = top;
    this.#findings = findings;
  }

  /** Looks at every path of one role. */
  visit(role: LiveRole, document: Targets, above: Tree): void {
    for (const [path, target] of Object.entries(document.targets)) {
      const faults = targetPathFaults(path);
      if (faults.length > 0) this.#findings.add(48, "target", shown(path), `in ${role.file} ${faults.join(", ")}`);
      if (knownHashes(target.hashes).length === 0) this.#findings.add(48, "target", shown(path), `in ${role.file} has no hash of an algorithm that clients know`);
      if (role.name === "targets") continue;
      if (!leadsTo(role.name, path, above) || Object.hasOwn(this.#top.targets, path)) this.#undecided.push({ path, role: role.name });
    }
  }

  /**
   * Decides the rest, once all delegations are known.
   * @param targetsOf the paths of a role, read again
   */
  async end(delegations: ReadonlyMap<string, Targets>, targetsOf: (role: string) => Promise<ReadonlySet<string>>): Promise<void> {
    const earlier = new Map<string, { readonly path: string; readonly role: string }[]>();
    for (const { path, role } of this.#undecided) {
      const walk = walkFor(path, delegations);
      const at = walk.indexOf(role);
      if (at < 0) {
        this.#findings.add(48, "misplaced", shown(path), `lies in ${role}, where no client looks for it${walk.length > 1 ? `; it belongs in ${walk[1] ?? ""}` : ""}`);
        continue;
      }
      // The first role visited is targets itself.
      if (at + 1 > CLIENT_LIMITS.delegations) this.#findings.add(51, "unfindable", shown(path), `lies in ${role}, number ${at + 1} of the roles to visit; a client stops after ${CLIENT_LIMITS.delegations}`);
      for (const before of walk.slice(0, at)) {
        const waiting = earlier.get(before);
        if (waiting === undefined) earlier.set(before, [{ path, role }]);
        else waiting.push({ path, role });
      }
    }
    for (const [before, waiting] of earlier) {
      const paths = before === "targets" ? new Set(Object.keys(this.#top.targets)) : await targetsOf(before);
      for (const { path, role } of waiting) {
        if (paths.has(path)) this.#findings.add(48, "shadowed", shown(path), `lies in ${role}, and in ${before}, which clients ask first`);
      }
    }
  }
}

/** Whether first matches, from targets on, lead to `role` through roles without artifacts. */
function leadsTo(role: string, path: string, { delegations, roles }: Tree): boolean {
  let at = delegations.get("targets");
  for (let steps = 0; at !== undefined && steps < CLIENT_LIMITS.delegations; steps++) {
    const [first] = delegationsFor(at, path);
    if (first === undefined || first.name === role) return first !== undefined;
    if (roles.get(first.name)?.paths !== 0) return false;
    at = delegations.get(first.name);
  }
  return false;
}

/** The roles a client visits for `path`, in order, when it finds it in none (TUF 5.6.7). */
function walkFor(path: string, delegations: ReadonlyMap<string, Targets>): string[] {
  const visited: string[] = [];
  const seen = new Set<string>();
  // A stack of what is still to visit, the next on top.
  let waiting = ["targets"];
  for (let role = waiting.pop(); role !== undefined; role = waiting.pop()) {
    if (seen.has(role)) continue;
    seen.add(role);
    visited.push(role);
    const document = delegations.get(role);
    if (document === undefined) continue;
    const children: string[] = [];
    for (const { name, terminating } of delegationsFor(document, path)) {
      children.push(name);
      if (!terminating) continue;
      // It and what it delegates to are still asked; nobody after.
      waiting = [];
      break;
    }
    waiting.push(...children.reverse());
  }
  return visited;
}

function shown(path: string): string {
  return JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path);
}
