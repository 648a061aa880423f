// What waits for signatures: at the service, or in a file that came from somewhere.
//
// A file may be what `--export` saved (the service's own answer), a payload of a ceremony or an
// update, or a single signed document.

import { own } from "../../lib/own.ts";
import type { Targets } from "../../tuf/documents.ts";
import { RestError } from "../../sdk/errors.ts";
import { CliError } from "../errors.ts";
import type { Session } from "../session.ts";
import { delegationOf } from "../../tuf/threshold.ts";
import { readJsonFile, readRootFile } from "./payload-file.ts";
import { isRoot, pendingRoot, pendingTargets, pendingTopTargets, readDocument, readRoot, type Pending } from "./pending.ts";

type Mapping = { readonly [name: string]: unknown };
const isMapping = (value: unknown): value is Mapping => typeof value === "object" && value !== null && !Array.isArray(value);

/** The service's answer about what waits, with what delegated roles' documents follow. @throws CliError `nothing-pending` */
export async function askPending(session: Session): Promise<Mapping> {
  const answer = await (await session.api()).call("GET /api/v1/metadata/sign", {});
  if (answer.data === undefined) throw new CliError("nothing-pending", "No metadata available for signing", { why: "nothing waits for signatures of people", todo: "rstuf status shows when something does" });
  return { ...answer, data: { ...answer.data, metadata: { ...(answer.data.metadata as Mapping), ...(await askFollowed(session)) } } };
}

/** `trusted_<role>` of every delegated role that waits. A service that tells nothing of it is of an earlier release. */
async function askFollowed(session: Session): Promise<Mapping> {
  const api = await session.api();
  const followed: Record<string, unknown> = {};
  try {
    for (let cursor: string | undefined; ; ) {
      const page = await api.call("GET /api/v1/signing-events", { query: { state: "open", ...(cursor === undefined ? {} : { cursor }) } });
      for (const { id, role, kind } of page.data) {
        if (kind !== "delegated") continue;
        const { in_force: envelope } = await api.call("GET /api/v1/signing-events/{id}", { path: { id } });
        if (envelope !== undefined) followed[`trusted_${role}`] = envelope;
      }
      if (page.next === undefined) return followed;
      cursor = page.next;
    }
  } catch (error) {
    // Published or stopped meanwhile, or not told: nothing depends on it.
    if (error instanceof RestError && error.status === 404) return followed;
    throw error;
  }
}

/**
 * Of what waits, the one that is meant: the role named, the only one there is, or the one chosen.
 * @param trustedRoot a file with the root in force, where the file does not bring it along
 */
export async function choosePending(session: Session, source: Mapping, options: { readonly role?: string; readonly trustedRoot?: string }): Promise<Pending> {
  const documents = documentsIn(source);
  const names = Object.keys(documents).filter((name) => !name.startsWith("trusted_"));
  if (names.length === 0) throw new CliError("nothing-pending", "No metadata available for signing", { why: "there is no document in it that people sign", todo: "name a payload of a ceremony or an update, what --export saved, or a signed document" });
  const role = options.role ?? (names.length === 1 ? (names[0] ?? "") : await session.ask.choose({ message: "Select a role to sign", flag: "--role NAME", choices: names.map((value) => ({ value, label: value })) }));
  const document = own(documents, role);
  if (document === undefined) throw new CliError("nothing-pending", `no document of role ${role} waits for signatures`, { why: `there are: ${names.join(", ")}`, todo: "name one of these with --role" });
  const read = readDocument(document, `the document of ${role}`);
  if (!isRoot(read) && role === "targets") {
    const root = (value: unknown, what: string): ReturnType<typeof readRoot> | undefined => (value === undefined ? undefined : readRoot(value, what));
    const inForce = options.trustedRoot === undefined ? root(own(documents, "trusted_root"), "the root in force") : await readRootFile(session, options.trustedRoot);
    return pendingTopTargets(read, inForce, root(own(documents, "root"), "the root that waits beside it"), followedBy(documents, role));
  }
  if (!isRoot(read)) {
    const beside = own(documents, "targets");
    const coming = beside === undefined ? undefined : readDocument(beside, "the targets that wait beside it");
    // What is to come with a version of targets is delegated to in that version.
    if (coming !== undefined && !isRoot(coming) && delegationOf(coming.signed, role) !== undefined) return pendingTargets(role, read, coming.signed, followedBy(documents, role));
    const delegator = readDocument(documents["trusted_targets"], "the targets metadata that comes with it");
    if (isRoot(delegator)) throw new CliError("document-unreadable", "the targets metadata that comes with it is a root", { todo: "take it from the service again: rstuf admin metadata sign" });
    return pendingTargets(role, read, delegator.signed, followedBy(documents, role));
  }
  if (options.trustedRoot !== undefined) return pendingRoot(read, await readRootFile(session, options.trustedRoot));
  const previous = documents["trusted_root"];
  return pendingRoot(read, previous === undefined ? undefined : readRoot(previous, "the root in force"));
}

/** The version in force, where the service knows one. */
function followedBy(documents: Mapping, role: string): Targets | undefined {
  const value = own(documents, `trusted_${role}`);
  const followed = value === undefined ? undefined : readDocument(value, `the version of ${role} in force`);
  return followed === undefined || isRoot(followed) ? undefined : followed.signed;
}

function documentsIn(source: Mapping): Mapping {
  if (isMapping(source["data"]) && isMapping(source["data"]["metadata"])) return source["data"]["metadata"];
  if (isMapping(source["metadata"])) return source["metadata"];
  if (!isMapping(source["signed"])) throw new CliError("document-unreadable", "the file holds no document that people sign", { todo: "name a payload of a ceremony or an update, what --export saved, or a signed document" });
  const type = source["signed"]["_type"];
  return { [type === "root" ? "root" : String(type)]: source };
}

/** The file with another envelope in its place. */
export function replaced(source: Mapping, pending: Pending): Mapping {
  const envelope = pending.document.envelope;
  if (isMapping(source["data"]) && isMapping(source["data"]["metadata"])) return { ...source, data: { ...source["data"], metadata: { ...source["data"]["metadata"], [pending.role]: envelope } } };
  if (isMapping(source["metadata"])) return { ...source, metadata: { ...source["metadata"], [pending.role]: envelope } };
  return { ...source, signatures: envelope.signatures };
}

export async function readPendingFile(session: Session, file: string): Promise<Mapping> {
  const source = await readJsonFile(session, file);
  if (!isMapping(source)) throw new CliError("document-unreadable", `${file} holds no document that people sign`, { todo: "name a payload of a ceremony or an update, what --export saved, or a signed document" });
  return source;
}
