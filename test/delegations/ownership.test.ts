// The role that a path is put into is the one that clients find it in, whatever the tree.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Targets as TheirTargets } from "@tufjs/models";
import fc from "fast-check";
import { find } from "../../src/client/find.ts";
import type { Session } from "../../src/client/session.ts";
import { binDelegations, binsPrefixOf, delegationTreeOf, ownerOf, rolesOf, searchOf, type DelegationTree } from "../../src/roles/delegation.ts";
import { longestWalk } from "../../src/roles/overlap.ts";
import type { DelegatedRole, Delegations, Key, Targets } from "../../src/tuf/documents.ts";
import { targetPathFaults } from "../../src/tuf/paths.ts";
import { CLIENT_LIMITS } from "../../src/tuf/trusted-set.ts";

const KEY: Key = { keytype: "ed25519", scheme: "ed25519", keyval: { public: "ab".repeat(32) } };

interface Drawn {
  /** Which of those before it is its parent; 0 is targets. */
  readonly parent: number;
  readonly paths: readonly string[];
  readonly terminating: boolean;
  readonly bins: boolean;
}

const pattern = fc.string({ unit: fc.constantFrom("a", "b", "*", "?", "/", "."), minLength: 1, maxLength: 5 });
const drawnTree = fc.array(fc.record({ parent: fc.nat(), paths: fc.array(pattern, { minLength: 1, maxLength: 3 }), terminating: fc.boolean(), bins: fc.boolean() }), { maxLength: 8 });
const paths = fc.uniqueArray(fc.string({ unit: fc.constantFrom("a", "b", "/", ".", "\u{1f600}"), minLength: 1, maxLength: 5 }).filter((path) => targetPathFaults(path).length === 0), { maxLength: 12 });

function treeOf(drawn: readonly Drawn[]): DelegationTree {
  const names = ["targets", ...drawn.map((_, at) => `role${String(at)}`)];
  const roles = new Map<string, DelegatedRole[]>();
  drawn.forEach(({ parent, paths: taken, terminating }, at) => {
    const above = names[parent % (at + 1)]!;
    roles.set(above, [...(roles.get(above) ?? []), { name: names[at + 1]!, keyids: ["k"], threshold: 1, terminating, paths: taken }]);
  });
  const delegations = new Map<string, Delegations>([...roles].map(([name, list]) => [name, { keys: { k: KEY }, roles: list }]));
  drawn.forEach(({ bins }, at) => {
    const name = names[at + 1]!;
    if (bins && !delegations.has(name)) delegations.set(name, binDelegations(2, "succinct", { keyid: "k", key: KEY }, binsPrefixOf(name)));
  });
  return delegationTreeOf({ delegations: delegations.get("targets") ?? { keys: {}, roles: [] } }, delegations);
}

/** What the repository's roles would say, each path in its owner. */
function documentsOf(tree: DelegationTree, asked: readonly string[]): Map<string, Targets> {
  const documents = new Map<string, Targets>();
  for (const role of ["targets", ...rolesOf(tree)]) {
    const delegations = tree.delegators.get(role)?.delegations;
    const own = asked.filter((path) => ownerOf(tree, path) === role).map((path) => [path, { length: 1, hashes: { sha256: "ab".repeat(32) } }]);
    documents.set(role, { _type: "targets", spec_version: "1.0.31", version: 1, expires: "2040-01-01T00:00:00Z", targets: Object.fromEntries(own) as Targets["targets"], ...(delegations === undefined ? {} : { delegations }) });
  }
  return documents;
}

/** Our client's own search over these documents. */
async function ours(tree: DelegationTree, documents: ReadonlyMap<string, Targets>, path: string): Promise<string | undefined> {
  const roles = new Map<string, unknown>();
  const load = (role: string, delegator: string): void => void roles.set(JSON.stringify([delegator, role]), Promise.resolve({ signed: documents.get(role) }));
  load("targets", "root");
  for (const role of tree.custom) load(role.name, role.parent);
  for (const set of tree.bins) for (const name of documents.keys()) if (name.startsWith(`${set.prefix}-`)) load(name, set.delegator);
  return (await find({ roles, limits: CLIENT_LIMITS } as unknown as Session, path))?.role;
}

/** tuf-js's search (Updater.preorderDepthFirstWalk) over them, with its own matching. */
function tufJs(documents: ReadonlyMap<string, Targets>, path: string): string | undefined {
  const waiting = ["targets"];
  const seen = new Set<string>();
  while (waiting.length > 0 && seen.size <= 32) {
    const role = waiting.pop()!;
    if (seen.has(role)) continue;
    seen.add(role);
    const theirs = TheirTargets.fromJSON(documents.get(role) as never);
    if (Object.hasOwn(theirs.targets, path)) return role;
    const children: string[] = [];
    for (const { role: child, terminating } of theirs.delegations?.rolesForTarget(path) ?? []) {
      children.push(child);
      if (!terminating) continue;
      waiting.splice(0);
      break;
    }
    waiting.push(...children.reverse());
  }
  return undefined;
}

describe("ownerOf", () => {
  test("is where our client and tuf-js find the path, in whatever tree", async () => {
    let found = 0;
    await fc.assert(fc.asyncProperty(drawnTree, paths, async (drawn, asked) => {
      const tree = treeOf(drawn);
      const documents = documentsOf(tree, asked);
      for (const path of asked) {
        const owner = ownerOf(tree, path);
        if (owner !== undefined) found++;
        assert.equal(await ours(tree, documents, path), owner, `ours: ${path}`);
        assert.equal(tufJs(documents, path), owner, `tuf-js: ${path}`);
      }
    }), { numRuns: 500 });
    assert.ok(found > 300, `${String(found)} paths had an owner`);
  });

  test("lies on the search, and no search is longer than the longest", () => {
    fc.assert(fc.property(drawnTree, paths, (drawn, asked) => {
      const tree = treeOf(drawn);
      for (const path of asked) {
        const search = searchOf(tree, path);
        const owner = ownerOf(tree, path);
        if (owner !== undefined) assert.ok(search.includes(owner));
        // What a `?` takes of a character above U+FFFF differs, so that no one client asks all of these.
        if (!path.includes("\u{1f600}")) assert.ok(search.length <= longestWalk(tree), `${path}: ${String(search)}`);
      }
    }), { numRuns: 1000 });
  });
});
