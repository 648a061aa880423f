// The root somebody names to be trusted, from a file or a URL, and how either is fetched.

import { readWhole } from "../client/bounded-read.ts";
import { ClientError } from "../client/errors.ts";
import { DEFAULT_LIMITS, DEFAULT_PATIENCE } from "../client/options.ts";
import { createFileFetcher } from "../drivers/fetcher/file/fetcher.ts";
import { createHttpFetcher } from "../drivers/fetcher/http/fetcher.ts";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { FetchError, type Fetcher } from "../ports/fetcher.ts";
import { foreignSchemeOf, SIGSTORE } from "../tuf/foreign-schemes.ts";
import { TrustedSet } from "../tuf/trusted-set.ts";
import type { CliContext } from "./context.ts";
import { CliError } from "./errors.ts";

/** A root from a file or a URL, its own signatures checked. @throws CliError `file-unreadable` */
export async function readRoot(context: CliContext, where: string): Promise<Buffer> {
  const url = urlOf(context, where);
  let bytes: Uint8Array;
  try {
    bytes = await readWhole({
      fetcher: createFetcher(context),
      clock: context.clock,
      url,
      maxBytes: DEFAULT_LIMITS.rootBytes,
      deadlineMs: DEFAULT_PATIENCE.metadataMs,
      tooLarge: () => new ClientError("metadata-too-large", `it is larger than the ${String(DEFAULT_LIMITS.rootBytes)} bytes a root may have`),
    });
  } catch (error) {
    if (!(error instanceof FetchError) && !(error instanceof ClientError)) throw error;
    throw new CliError("file-unreadable", `the root at ${where} could not be read`, { why: error.message, todo: "name a file or a URL that holds a root.json you got by a way you trust", cause: error });
  }
  try {
    new TrustedSet(bytes, { now: context.clock.now() });
  } catch (error) {
    throw new CliError("file-unreadable", `what is at ${where} is no root that can be trusted`, { why: error instanceof Error ? error.message : String(error), todo: todoFor(bytes), cause: error });
  }
  return Buffer.from(bytes);
}

function todoFor(root: Uint8Array): string {
  const [keytype = "", scheme = ""] = SIGSTORE.split("/");
  const isUnknown = Buffer.from(root).includes(`"${keytype}"`) && foreignSchemeOf({ keytype, scheme }) === undefined;
  return isUnknown ? "keys of it are Sigstore identities: say --sigstore-trusted-root FILE, the trusted_root.json of that Sigstore" : "name a root.json, signed by its own keys";
}

/** `file:` for repositories carried by hand, http and https for all others. */
export function createFetcher(context: CliContext): Fetcher {
  const file = createFileFetcher();
  const http = createHttpFetcher({ version: context.version });
  return { fetch: (url, options) => (url.startsWith("file:") ? file : http).fetch(url, options) };
}

/** A URL as it is; anything else is a file or folder. */
export function urlOf(context: CliContext, text: string): string {
  return /^(?:https?|file):/i.test(text) ? text : pathToFileURL(resolve(context.cwd, text)).href;
}
