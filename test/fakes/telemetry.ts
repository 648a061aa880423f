// Remembers what was told, for tests to look at.

import type { Fields, Metrics, Telemetry } from "../../src/ports/telemetry.ts";

export interface RecordedEvent {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly event: string;
  readonly fields: Fields;
}

export type RecordedMetric = { readonly [Name in keyof Metrics]: { readonly name: Name; readonly values: Parameters<Metrics[Name]> } }[keyof Metrics];

export interface MemoryTelemetry extends Telemetry {
  readonly events: RecordedEvent[];
  readonly measured: RecordedMetric[];
  /** The events of that name, oldest first. */
  named(event: string): RecordedEvent[];
  /** The values last given for a metric, or undefined. */
  last<Name extends keyof Metrics>(name: Name): Parameters<Metrics[Name]> | undefined;
}

export function createMemoryTelemetry(): MemoryTelemetry {
  const events: RecordedEvent[] = [];
  const measured: RecordedMetric[] = [];
  const logger = (level: RecordedEvent["level"]) => (fields: Fields, event: string): void => void events.push({ level, event, fields });
  return {
    log: { debug: logger("debug"), info: logger("info"), warn: logger("warn"), error: logger("error") },
    metrics: {
      expirySeconds: (...values) => void measured.push({ name: "expirySeconds", values }),
      backlog: (...values) => void measured.push({ name: "backlog", values }),
      publishSeconds: (...values) => void measured.push({ name: "publishSeconds", values }),
      lastPublish: (...values) => void measured.push({ name: "lastPublish", values }),
      error: (...values) => void measured.push({ name: "error", values }),
      leading: (...values) => void measured.push({ name: "leading", values }),
      halted: (...values) => void measured.push({ name: "halted", values }),
      setAside: (...values) => void measured.push({ name: "setAside", values }),
      reads: (...values) => void measured.push({ name: "reads", values }),
      readWaited: (...values) => void measured.push({ name: "readWaited", values }),
      readRefused: (...values) => void measured.push({ name: "readRefused", values }),
    },
    events,
    measured,
    named: (event) => events.filter((recorded) => recorded.event === event),
    last<Name extends keyof Metrics>(name: Name) {
      return measured.findLast((metric) => metric.name === name)?.values as Parameters<Metrics[Name]> | undefined;
    },
  };
}
