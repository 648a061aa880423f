// For supervisors and alarms: alive, ready, and the numbers.

import type { FastifyInstance } from "fastify";
import type { DisabledEndpoints } from "./disabled.ts";

export interface Probes {
  /** Prometheus text format. */
  metricsText(): Promise<string>;
  /** Ready: requests are accepted and published, and nothing is about to expire. */
  readiness(): Promise<{ readonly ready: boolean; readonly reasons: readonly string[] }>;
}

export function probeRoutes(app: FastifyInstance, probes: Probes, disabled: DisabledEndpoints): void {
  if (!disabled.has("GET", "/healthz")) {
    app.get("/healthz", (_request, reply) => reply.header("cache-control", "no-store").send({ status: "ok" }));
  }
  if (!disabled.has("GET", "/readyz")) {
    app.get("/readyz", async (_request, reply) => {
      const { ready, reasons } = await probes.readiness();
      return reply.code(ready ? 200 : 503).header("cache-control", "no-store").send(ready ? { ready } : { ready, reasons });
    });
  }
  if (!disabled.has("GET", "/metrics")) {
    app.get("/metrics", async (_request, reply) => {
      const text = await probes.metricsText();
      return reply.type("text/plain; version=0.0.4; charset=utf-8").header("cache-control", "no-store").send(text);
    });
  }
}
