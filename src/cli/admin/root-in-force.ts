// The root that a new one follows: from a file, from published metadata, or from the service.

import { createHttpFetcher } from "../../drivers/fetcher/http/fetcher.ts";
import { readWhole } from "../../client/bounded-read.ts";
import { ClientError } from "../../client/errors.ts";
import { demandsOf } from "../../roles/root-update.ts";
import { standingOf } from "../../roles/signing-event.ts";
import { FetchError } from "../../ports/fetcher.ts";
import { AppError } from "../../lib/app-error.ts";
import { CLIENT_LIMITS } from "../../tuf/trusted-set.ts";
import type { ParsedEnvelope } from "../../tuf/parse.ts";
import { CliError } from "../errors.ts";
import type { Session } from "../session.ts";
import { readRootFile } from "./payload-file.ts";
import { readRoot } from "./pending.ts";
import { trustedDocument } from "./send.ts";

const DEADLINE_MS = 60_000;

/** `--metadata-url` wins over `--in`, as in the Python CLI. */
export async function rootInForce(session: Session, from: { readonly in?: string; readonly metadataUrl?: string }): Promise<ParsedEnvelope<"root">> {
  if (from.metadataUrl !== undefined) return await walked(session, from.metadataUrl);
  if (from.in !== undefined) return readRootFile(session, from.in);
  if (!session.hasServer) throw new CliError("server-missing", "the root in force is not known", { todo: "say --in ROOT.json, --metadata-url URL, or --api-server URL" });
  return readRoot(await trustedDocument(session, "trusted_root"), "the service's root");
}

/** From version 1 on, each verified by the one before; version 1 is trusted because nothing else is known here. */
async function walked(session: Session, url: string): Promise<ParsedEnvelope<"root">> {
  const base = url.endsWith("/") ? url : `${url}/`;
  const first = await fetched(session, `${base}1.root.json`);
  if (first === undefined) throw new CliError("document-unreadable", `Cannot fetch initial root ${base}1.root.json`, { todo: "is this where the metadata is? Or name the root in force with --in" });
  let root = first;
  for (;;) {
    const next = await fetched(session, `${base}${root.signed.version + 1}.root.json`);
    if (next === undefined) break;
    if (next.signed.version !== root.signed.version + 1 || !standingOf(demandsOf(root.signed, next.signed), next).complete) throw new CliError("document-unreadable", "Problem fetching latest root", { why: `version ${root.signed.version + 1} is not signed by the keys of the version before and its own`, todo: "go no further: somebody shows another root; compare with the other key holders, or name the root in force with --in" });
    root = next;
  }
  session.note(`Latest root version found: ${root.signed.version}`);
  return root;
}

async function fetched(session: Session, url: string): Promise<ParsedEnvelope<"root"> | undefined> {
  try {
    const bytes = await readWhole({
      fetcher: createHttpFetcher({ version: session.context.version }),
      clock: session.context.clock,
      url,
      maxBytes: CLIENT_LIMITS.rootBytes,
      deadlineMs: DEADLINE_MS,
      tooLarge: () => new ClientError("metadata-too-large", `${url} has more than ${CLIENT_LIMITS.rootBytes} bytes`),
    });
    return readRoot(JSON.parse(bytes.toString("utf8")), url);
  } catch (error) {
    if (error instanceof FetchError && (error.code === "not-found" || error.code === "denied")) return undefined;
    if (error instanceof CliError) throw error;
    throw new CliError("document-unreadable", `${url} could not be read`, { why: error instanceof AppError || error instanceof SyntaxError ? error.message : "", todo: "is this where the metadata is? Or name the root in force with --in", cause: error });
  }
}
