// Log lines (log.ts), and metrics as Prometheus reads them.

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Clock } from "../../../ports/clock.ts";
import type { Metrics, Telemetry } from "../../../ports/telemetry.ts";
import { createLog, quietly, type LogOptions } from "./log.ts";

export interface TelemetryOptions extends LogOptions {
  /** Lets `rstuf_role_expiry_seconds` run down between two measurements. */
  readonly clock?: Pick<Clock, "monotonic">;
  /** Node's own metrics (memory, event loop, file descriptors) too. Default true. */
  readonly processMetrics?: boolean;
}

export interface PinoTelemetry extends Telemetry {
  /** All metrics in the Prometheus text format. */
  metricsText(): Promise<string>;
  /** The `Content-Type` of `metricsText`. */
  readonly metricsContentType: string;
}

export function createTelemetry(options: TelemetryOptions): PinoTelemetry {
  const registry = new Registry();
  if (options.processMetrics ?? true) collectDefaultMetrics({ register: registry });
  return {
    log: createLog(options),
    metrics: createMetrics(registry, options.clock),
    metricsText: () => registry.metrics(),
    metricsContentType: registry.contentType,
  };
}

function createMetrics(registry: Registry, clock: Pick<Clock, "monotonic"> | undefined): Metrics {
  const registers = [registry];
  const gauge = (name: string, help: string): Gauge => new Gauge({ name: `rstuf_${name}`, help, registers });
  const counter = (name: string, help: string): Counter => new Counter({ name: `rstuf_${name}`, help, registers });

  const expiries = new Map<string, { readonly seconds: number; readonly at: number }>();
  new Gauge({
    name: "rstuf_role_expiry_seconds",
    help: "Seconds until the first role of this kind expires; negative when one has.",
    labelNames: ["kind"],
    registers,
    collect() {
      for (const [kind, { seconds, at }] of expiries) {
        const passedMs = clock === undefined ? 0 : clock.monotonic() - at;
        this.set({ kind }, seconds - passedMs / 1_000);
      }
    },
  });
  const backlogChanges = gauge("backlog_changes", "Changes accepted and not published yet, held ones included.");
  const backlogBytes = gauge("backlog_bytes", "Bytes of the changes accepted and not published yet.");
  const publishSeconds = new Histogram({
    name: "rstuf_publish_duration_seconds",
    help: "From the cut of a batch until its timestamp is visible.",
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers,
  });
  const publishedRoles = counter("published_roles_total", "Roles signed and published.");
  const publishedChanges = counter("published_changes_total", "Changes published.");
  const lastPublish = gauge("last_publish_timestamp_seconds", "When the last publish became visible, seconds since 1970.");
  const errors = new Counter({
    name: "rstuf_errors_total",
    help: "Errors by where they came from and their code.",
    labelNames: ["source", "code"],
    registers,
  });
  const leading = gauge("publisher_leading", "1 while this process holds the lease, else 0.");
  const halted = new Gauge({
    name: "rstuf_publisher_halted",
    help: "1 while publishing is halted, with the code of the reason; no sample while it goes on.",
    labelNames: ["code"],
    registers,
  });
  const setAside = counter("changes_set_aside_total", "Changes that could not be published and were set aside.");
  const readsWaiting = gauge("reads_waiting", "Lists of the read API that wait for their turn.");
  const readsUnderWay = gauge("reads_under_way", "Lists of the read API that are being made.");
  const readWaits = new Histogram({
    name: "rstuf_read_wait_seconds",
    help: "How long a list of the read API waited until it was begun.",
    buckets: [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const readsRefused = new Counter({
    name: "rstuf_reads_refused_total",
    help: "Lists of the read API that were not made: busy, too many waited; left, the client had gone before its turn.",
    labelNames: ["why"],
    registers,
  });

  return {
    expirySeconds: (kind, seconds) => quietly(() => expiries.set(kind, { seconds, at: clock?.monotonic() ?? 0 })),
    backlog: (changes, bytes) =>
      quietly(() => {
        backlogChanges.set(changes);
        backlogBytes.set(bytes);
      }),
    publishSeconds: (seconds, roles, changes) =>
      quietly(() => {
        publishSeconds.observe(seconds);
        publishedRoles.inc(roles);
        publishedChanges.inc(changes);
      }),
    lastPublish: (unixSeconds) => quietly(() => lastPublish.set(unixSeconds)),
    error: (source, code) => quietly(() => errors.inc({ source, code })),
    leading: (leads) => quietly(() => leading.set(leads ? 1 : 0)),
    halted: (code) =>
      quietly(() => {
        halted.reset();
        if (code !== undefined) halted.set({ code }, 1);
      }),
    setAside: (changes) => quietly(() => setAside.inc(changes)),
    reads: (waiting, underWay) =>
      quietly(() => {
        readsWaiting.set(waiting);
        readsUnderWay.set(underWay);
      }),
    readWaited: (seconds) => quietly(() => readWaits.observe(seconds)),
    readRefused: (why) => quietly(() => readsRefused.inc({ why })),
  };
}
