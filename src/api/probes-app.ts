// A listener that answers /healthz, /readyz and /metrics and nothing else: for a process that serves no API.

import Fastify, { type FastifyInstance } from "fastify";
import { parseDisabled } from "./disabled.ts";
import { answerUnknownPaths } from "./not-found.ts";
import { probeRoutes, type Probes } from "./probes.ts";

export function createProbesApp(probes: Probes): FastifyInstance {
  const app = Fastify({ logger: false, bodyLimit: 1024, connectionTimeout: 10_000, requestTimeout: 10_000, forceCloseConnections: true });
  app.server.maxConnections = 100;
  answerUnknownPaths(app);
  probeRoutes(app, probes, parseDisabled([]));
  return app;
}
