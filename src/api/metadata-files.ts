// /metadata/: the published files, read through from storage for each request (rule 27).
//
// Nothing here is cached by us but compressed forms (codings.ts); what may be cached says so itself: versioned files for ever,
// timestamp.json never without asking, and "not there" never, for the name may be there the
// next moment. Names that are no metadata names do not reach the storage.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { METADATA_NAME, type StoredFile } from "../ports/storage.ts";
import type { Telemetry } from "../ports/telemetry.ts";
import { sha256Hex } from "../tuf/crypto.ts";
import { codingFor, Forms, type Coding, type Compress } from "./codings.ts";
import type { DisabledEndpoints } from "./disabled.ts";
import { problemOf, reportProblem, sendProblem } from "./problems.ts";
import { HttpRefusal } from "./refusal.ts";

export interface MetadataFiles {
  /** As `Storage.read`, within what clients read. */
  read(name: string): Promise<StoredFile | undefined>;
  /** For clients that read compressed files; absent: all get them as they are. */
  readonly compress?: Compress;
}

export function metadataFileRoutes(app: FastifyInstance, files: MetadataFiles, telemetry: Telemetry, disabled: DisabledEndpoints): void {
  const path = "/metadata/:name";
  if (disabled.has("GET", path) || disabled.has("GET", "/metadata")) return;
  const forms = files.compress === undefined ? undefined : new Forms(files.compress);
  const answer = async (request: FastifyRequest<{ Params: { name: string } }>, reply: FastifyReply): Promise<FastifyReply> => {
    try {
      const { name } = request.params;
      const file = METADATA_NAME.test(name) ? await files.read(name) : undefined;
      if (file === undefined) throw new HttpRefusal(404, "not-found", "there is no such metadata file");
      return await sendFile(request, reply, name, file, forms);
    } catch (error) {
      const problem = problemOf(error);
      reportProblem(telemetry, request, problem, error);
      return sendProblem(request, reply, problem);
    }
  };
  app.get(path, answer);
  // Who joins `.../metadata/` and `/1.root.json`, as the Python CLI does, gets it from every web server.
  app.get("/metadata//:name", { schema: { hide: true } }, answer);
}

async function sendFile(request: FastifyRequest, reply: FastifyReply, name: string, { bytes }: StoredFile, forms: Forms | undefined): Promise<FastifyReply> {
  void reply.type("application/json");
  if (name === "timestamp.json") return reply.header("cache-control", "no-cache").send(bytes);
  const hash = sha256Hex(bytes).slice(0, 32);
  const coding = forms === undefined ? undefined : codingFor(request.headers["accept-encoding"]);
  void reply.header("cache-control", "public, max-age=31536000, immutable");
  if (forms !== undefined) void reply.header("vary", "accept-encoding");
  const known = knownForm(request.headers["if-none-match"], hash, coding);
  if (known !== undefined) return reply.code(304).header("etag", known).send();
  const form = coding === undefined ? undefined : await forms?.of(bytes, hash, coding);
  if (form === undefined || coding === undefined) return reply.header("etag", etagOf(hash)).send(bytes);
  return reply.header("etag", etagOf(hash, coding)).header("content-encoding", coding).send(form);
}

/** Each form has its own (RFC 9110, section 8.8.3). */
const etagOf = (hash: string, coding?: Coding): string => `"${hash}${coding === undefined ? "" : `-${coding}`}"`;

/** The form that the client has already, of those it may be sent. */
function knownForm(header: string | undefined, hash: string, coding: Coding | undefined): string | undefined {
  return [...(coding === undefined ? [] : [etagOf(hash, coding)]), etagOf(hash)].find((etag) => matchesEtag(header, etag));
}

function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.trim() === "*" || header.split(",").some((one) => one.trim().replace(/^W\//, "") === etag);
}
