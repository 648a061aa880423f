// Who delegates to whom, in the order in which clients search.

import type { RoleRow } from "../ports/database.ts";
import { firstBin, type BinSet, type DelegationTree } from "../roles/delegation.ts";
import { signingModeOf, type SigningMode } from "../roles/signing-mode.ts";
import { authorityIn } from "./authority.ts";
import type { OperationDeps } from "./deps.ts";
import { roleTerms, viewOf, type RoleView } from "./list-roles.ts";

export interface TreeNode {
  readonly role: RoleView;
  /** Of a role with path patterns. */
  readonly paths?: readonly string[];
  readonly terminating?: boolean;
  /** In order of priority. */
  readonly delegations: readonly (TreeNode | BinsNode)[];
}

/** Bins are alike, and thousands: they are one node. */
export interface BinsNode {
  readonly bins: {
    readonly prefix: string;
    readonly count: number;
    readonly style: "succinct" | "classic";
    readonly threshold: number;
    readonly keyids: readonly string[];
    readonly signing: SigningMode;
    /** When the first of all bins expires. */
    readonly firstExpiresMs?: number;
  };
}

/** From targets down, to any depth. @throws OperationError `bootstrap-required` */
export async function delegationTree(deps: OperationDeps): Promise<TreeNode> {
  const terms = await roleTerms(deps);
  const { documents } = terms;
  const { tree } = documents;
  const now = deps.clock.now();
  const firstExpiry = (await deps.database.firstExpiry()).get("bins");
  const rows = new Map<string, RoleRow | undefined>();
  for (const name of ["targets", ...tree.custom.map((role) => role.name)]) rows.set(name, await deps.database.role(name));

  const nodeOf = (name: string): TreeNode | undefined => {
    const row = rows.get(name);
    // Delegated in this moment, and not published yet.
    if (row === undefined) return undefined;
    const role = viewOf(row, terms, now);
    const delegation = authorityIn(documents, name)?.delegation;
    return {
      role,
      ...(delegation?.paths === undefined ? {} : { paths: delegation.paths, terminating: delegation.terminating }),
      delegations: delegationsOf(name),
    };
  };
  const delegationsOf = (name: string): readonly (TreeNode | BinsNode)[] => {
    const delegator = tree.delegators.get(name);
    const below = (delegator?.custom ?? []).map(({ name: custom }) => nodeOf(custom)).filter((node) => node !== undefined);
    return delegator?.bins === undefined ? below : [...below, binsNode(delegator.bins)];
  };
  const binsNode = (bins: BinSet): BinsNode => {
    const authority = authorityIn(documents, firstBin(bins));
    return {
      bins: {
        prefix: bins.prefix,
        count: 2 ** bins.bitLength,
        style: styleOf(tree, bins),
        threshold: authority?.role.threshold ?? 0,
        keyids: authority?.role.keyids ?? [],
        signing: authority === undefined ? "offline" : signingModeOf(authority),
        ...(firstExpiry === undefined ? {} : { firstExpiresMs: firstExpiry }),
      },
    };
  };
  const top = nodeOf("targets");
  if (top === undefined) throw new Error("the repository is bootstrapped and has no row of targets");
  return top;
}

function styleOf(tree: DelegationTree, { delegator }: BinSet): "succinct" | "classic" {
  return tree.delegators.get(delegator)?.delegations.succinct_roles === undefined ? "classic" : "succinct";
}
