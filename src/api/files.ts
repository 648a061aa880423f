// /files/ of a trial: the artifacts themselves, as any web server would serve them. What is
// sent is never run by a browser as a page of this service.

import type { FastifyInstance } from "fastify";
import type { Telemetry } from "../ports/telemetry.ts";
import { problemOf, reportProblem, sendProblem } from "./problems.ts";
import { HttpRefusal } from "./refusal.ts";

export interface ArtifactFiles {
  /**
   * Opens a file below the folder by its path (`a/b.tar.gz`); undefined when there is no
   * regular file of that name, or the way leads through a link or a dot file. The reader
   * closes what it opened when `content` is destroyed or ends.
   */
  open(path: string): Promise<{ readonly bytes: number; readonly content: NodeJS.ReadableStream } | undefined>;
}

const MAX_PATH = 4096;

export function fileRoutes(app: FastifyInstance, files: ArtifactFiles, telemetry: Telemetry): void {
  app.get<{ Params: { "*": string } }>("/files/*", { exposeHeadRoute: true }, async (request, reply) => {
    try {
      const path = request.params["*"];
      const file = isPlain(path) ? await files.open(path) : undefined;
      if (file === undefined) throw new HttpRefusal(404, "not-found", "there is no such file");
      return await reply
        .type("application/octet-stream")
        .header("content-disposition", "attachment")
        .header("content-security-policy", "default-src 'none'; sandbox")
        .header("content-length", file.bytes)
        .header("cache-control", "no-cache")
        .send(file.content);
    } catch (error) {
      const problem = problemOf(error);
      reportProblem(telemetry, request, problem, error);
      return sendProblem(request, reply, problem);
    }
  });
}

/** Segments that are names: no way up, no dot files, nothing a file system reads otherwise. */
function isPlain(path: string): boolean {
  if (path === "" || path.length > MAX_PATH || path.includes("\0") || path.includes("\\")) return false;
  return path.split("/").every((segment) => segment !== "" && !segment.startsWith("."));
}
