// Walks a published repository and re-derives every promise from the bytes.
//
// Shares no code with what wrote them, except src/tuf: what the writers get wrong must
// show here. Needs the published files and the root that clients trust; with the database
// it also compares the two. It only reads. The rules are those of docs/design/publishing.md:
//  42 the timestamp is the visible head        47 nothing that clients need is to be deleted
//  43 the root chain                           48 each path where the search finds it; rows = documents
//  44 timestamp, snapshot, targets verify      49 no task ended before its changes
//  45 every live role is there and verifies    50 no batch, no signing event is left lying about
//  46 versions below the counter, none shared  51 nothing larger than clients read
//
// Rule 46's "no entry disappears" and rule 42's "never falls" need an earlier state, and are
// the publisher's tests' affair.

import { parseEnvelope } from "../tuf/parse.ts";
import { checkEvents } from "./events.ts";
import { tryRead, type PublishedFiles } from "./files.ts";
import { Placement } from "./placement.ts";
import { Findings, type Report } from "./report.ts";
import { checkRoots } from "./roots.ts";
import { checkHead, checkQueue, checkRoleRows, TargetRows, toBePressed, type DatabaseView } from "./rows.ts";
import { checkTopLevel, type TopLevel } from "./top-level.ts";
import { checkTree, type Tree } from "./tree.ts";

export type { DatabaseView } from "./rows.ts";
export type { Fault, FaultCode, Report } from "./report.ts";

export interface FsckInput {
  readonly files: PublishedFiles;
  /** The root clients start from, of any version. */
  readonly root: Uint8Array;
  readonly database?: DatabaseView | undefined;
  /** Milliseconds. */
  readonly now: number;
  /** Called after each role with how many were looked at, of how many known so far. */
  readonly onProgress?: (done: number, known: number) => void;
}

/** Looks at everything. Faults are in the report; throws only when the database cannot be read. */
export async function fsck(input: FsckInput): Promise<Report> {
  const { files, now, database } = input;
  const findings = new Findings();
  const chain = await checkRoots(files, input.root, now, database, findings);
  if (chain === undefined) return report(findings, { roots: 0, roles: 0, paths: 0, bytes: 0 });

  const top = await checkTopLevel(files, chain.root, now, findings);
  const state = database && (await checkHead(database, top, findings));
  const tree = await walk(input, top, findings, database && state && { targets: new TargetRows(database, state.head, findings), toBePressed: await toBePressed(database) });
  if (database !== undefined && state !== undefined && tree !== undefined) {
    await checkRoleRows(database, state, top, tree, findings);
    await checkQueue(database, state, top, tree, findings);
    await checkEvents(database, state, tree, findings);
  }
  const roles = [...(tree?.roles.values() ?? [])];
  return report(findings, {
    roots: chain.count,
    roles: roles.length,
    paths: roles.reduce((sum, role) => sum + role.paths, 0),
    bytes: chain.bytes + top.bytes + roles.reduce((sum, role) => sum + (role.name === "targets" ? 0 : role.length), 0),
  });
}

async function walk(input: FsckInput, top: TopLevel, findings: Findings, rows: { readonly targets: TargetRows; readonly toBePressed: ReadonlySet<string> } | undefined): Promise<Tree | undefined> {
  const { snapshot, targets } = top;
  if (snapshot === undefined || targets === undefined) return undefined;
  const placement = new Placement(targets.signed, findings);
  const tree = await checkTree({
    files: input.files,
    snapshot,
    targets,
    now: input.now,
    isOurs: rows && ((role) => !rows.toBePressed.has(role)),
    findings,
    visit: async (role, document, above) => {
      placement.visit(role, document, above);
      await rows?.targets.compare(role, document);
    },
    progress: (done, known) => input.onProgress?.(done, known),
  });
  await placement.end(tree.delegations, async (role) => {
    const file = tree.roles.get(role)?.file;
    const bytes = file === undefined ? "absent" : await tryRead(input.files, findings, 48, file);
    // What is wrong with a role that cannot be read was said when the tree was walked.
    return new Set(Buffer.isBuffer(bytes) ? Object.keys(parseEnvelope(bytes, "targets").signed.targets) : []);
  });
  return tree;
}

function report(findings: Findings, counts: Pick<Report, "roots" | "roles" | "paths" | "bytes">): Report {
  return { ...findings.end(), ...counts };
}
