// Who signs a repository that is taken over from now on: this service, which proves that it can, or people, who are asked.
//
// A key whose object names a signer is this service's. What only people sign can wait for people; what has to be
// signed every day, and bins, cannot.

import { reasonOf } from "../lib/app-error.ts";
import { firstBin, type DelegationTree } from "../roles/delegation.ts";
import { ONLINE_URI } from "../roles/online-key.ts";
import { needsPeople, onlinePart } from "../roles/people.ts";
import type { Root } from "../tuf/documents.ts";
import type { PublisherDeps } from "./deps.ts";
import { authorityOf } from "./head.ts";
import { peopleOf } from "./people.ts";
import { Sealer } from "./seal.ts";

/** What cannot be signed from now on would run out in silence. Answers the roles that people sign. @param refuse throws */
export async function requireSigners(deps: PublisherDeps, top: { readonly root: Root; readonly tree: DelegationTree }, refuse: (reason: string, cause?: unknown) => Error): Promise<ReadonlySet<string>> {
  const sealer = new Sealer(deps);
  const people = peopleOf(top);
  const { tree } = top;
  const oneOfEach = tree.bins.map(firstBin);
  for (const role of ["timestamp", "snapshot", "targets", ...tree.custom.map(({ name }) => name), ...oneOfEach]) {
    const authority = authorityOf(top, role);
    if (!people.has(role) && needsPeople(authority)) {
      const where = oneOfEach.includes(role) ? "what delegates to the bins" : "root";
      throw refuse(`${role} needs ${String(authority.role.threshold)} keys of this service, and ${where} names fewer: only a key with a member ${ONLINE_URI} is one. Let the former service publish a version of ${where === "root" ? "root" : "that role"} that names one, and begin again`);
    }
    const ours = people.has(role) ? onlinePart(authority) : authority;
    if (ours === undefined) continue;
    try {
      await sealer.prove(role, ours);
    } catch (error) {
      throw refuse(`${role} cannot be signed here: ${reasonOf(error)}`, error);
    }
  }
  return people;
}
