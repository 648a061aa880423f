// Which role an artifact goes to, by the delegations that are in force.

import type { Targets } from "../tuf/documents.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import { belowIn, NESTED, stampIn } from "../roles/below.ts";
import { delegationTreeOf, ownerOf, type DelegationTree } from "../roles/delegation.ts";
import { OUTSIDE, outsideIn, type OutsideRoles } from "../roles/outside-roles.ts";
import { treesToCome, type TreeToCome } from "../roles/pending-edit.ts";
import type { Database } from "../ports/database.ts";
import { requireBootstrap } from "./bootstrap-state.ts";

export interface Owners {
  /** What each request to add or remove asks first. @throws OperationError `bootstrap-required` */
  door(): Promise<Door>;
  /**
   * The role that lists a path, now; undefined for a path no role takes. The publisher asks
   * again when it cuts the batch (rule 9), so an answer that has aged does no harm.
   */
  current(): Promise<(path: string) => string | undefined>;
  /** The role that is to take a path once people have signed a change of delegations that waits; undefined when none is. */
  pending(): Promise<(path: string) => string | undefined>;
  /** Top-level targets now; undefined before bootstrap. */
  targets(): Promise<Targets | undefined>;
  /** Who delegates to whom now; undefined before bootstrap. */
  tree(): Promise<DelegationTree | undefined>;
  /** Roles that a team signs elsewhere. */
  outside(): Promise<OutsideRoles>;
}

export interface Door {
  /** As `current`. */
  readonly ownerOf: (path: string) => string | undefined;
  /** As `outside`. */
  readonly outside: ReadonlySet<string>;
}

interface Known {
  readonly version: number;
  readonly stamp: string;
  readonly targets: Targets;
  readonly tree: DelegationTree;
}

export function createOwners(database: Database): Owners {
  let cached: Known | undefined;
  /** Of the documents that wait for people; they are read when something about them changed. */
  let toCome: { readonly stamp: string; readonly tree: DelegationTree; readonly trees: readonly TreeToCome[] } | undefined;
  const read = async (): Promise<Known | undefined> => {
    const envelope = await database.envelope("targets");
    if (envelope === undefined) return undefined;
    const nested = await database.setting(NESTED);
    const stamp = stampIn(nested);
    if (cached?.version !== envelope.version || cached.stamp !== stamp) {
      const targets: Targets = parseEnvelope(envelope.bytes, "targets").signed;
      cached = { version: envelope.version, stamp, targets, tree: delegationTreeOf(targets, belowIn(nested)) };
    }
    return cached;
  };
  let looking: Promise<Door> | undefined;
  const look = async (): Promise<Door> => {
    await requireBootstrap(database);
    return { ownerOf: await owners.current(), outside: (await owners.outside()).roles };
  };
  const owners: Owners = {
    // Requests of one turn of the event loop share a look: of a thousand that come at one time it was a fifth of the work.
    door() {
      if (looking === undefined) {
        looking = look();
        setImmediate(() => { looking = undefined; });
      }
      return looking;
    },
    async current() {
      const known = await read();
      return (path) => (known === undefined ? undefined : ownerOf(known.tree, path));
    },
    async pending() {
      const known = await read();
      const stamp = known === undefined ? "" : await database.signingStamp();
      if (known === undefined || stamp === "") return () => undefined;
      if (toCome?.stamp !== stamp || toCome.tree !== known.tree) toCome = { stamp, tree: known.tree, trees: treesToCome(known.tree, await database.signingEvents()) };
      const { trees } = toCome;
      return (path) => trees.map(({ tree }) => ownerOf(tree, path)).find((role) => role !== undefined);
    },
    async targets() {
      return (await read())?.targets;
    },
    async tree() {
      return (await read())?.tree;
    },
    async outside() {
      return outsideIn(await database.setting(OUTSIDE));
    },
  };
  return owners;
}
