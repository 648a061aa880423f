// A listener that serves /metadata/ and nothing else: for clients, web servers and CDNs.
//
// It asks nobody who they are and answers to every host name: all it has is public. Writing
// is not refused here, it is not there.

import Fastify, { type FastifyInstance } from "fastify";
import type { Telemetry } from "../ports/telemetry.ts";
import { parseDisabled } from "./disabled.ts";
import { metadataFileRoutes, type MetadataFiles } from "./metadata-files.ts";
import { answerUnknownPaths } from "./not-found.ts";
import type { ApiLimits } from "./settings.ts";

export function createMetadataApp(files: MetadataFiles, telemetry: Telemetry, limits: ApiLimits): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: 1024,
    connectionTimeout: limits.idleTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    forceCloseConnections: true,
    http: { headersTimeout: limits.headersTimeoutMs, maxHeaderSize: 16_384 },
  });
  app.server.maxConnections = limits.connections;
  app.addHook("onRequest", (_request, reply, done) => {
    void reply.header("x-content-type-options", "nosniff");
    done();
  });
  answerUnknownPaths(app);
  metadataFileRoutes(app, files, telemetry, parseDisabled([]));
  return app;
}
