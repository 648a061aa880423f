// Which role an artifact goes to, by the delegations that are in force.

import type { Targets } from "../tuf/documents.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import { delegationTreeOf, ownerOf, type DelegationTree } from "../roles/delegation.ts";
import type { Database } from "../ports/database.ts";

export interface Owners {
  /**
   * The role that lists a path, now; undefined for a path no role takes. The publisher asks
   * again when it cuts the batch (rule 9), so an answer that has aged does no harm.
   */
  current(): Promise<(path: string) => string | undefined>;
}

export function createOwners(database: Database): Owners {
  let cached: { readonly version: number; readonly tree: DelegationTree } | undefined;
  return {
    async current() {
      const envelope = await database.envelope("targets");
      if (envelope === undefined) return () => undefined;
      if (cached?.version !== envelope.version) {
        const targets: Targets = parseEnvelope(envelope.bytes, "targets").signed;
        cached = { version: envelope.version, tree: delegationTreeOf(targets) };
      }
      const { tree } = cached;
      return (path) => ownerOf(tree, path);
    },
  };
}
