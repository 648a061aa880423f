// Facts about the running service: one log event per fact, numbers for alarms.
//
// Events are past tense with values as fields; no secret, token or private key
// is ever a field. A telemetry call never throws and never blocks.

export type Fields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(fields: Fields, event: string): void;
  info(fields: Fields, event: string): void;
  warn(fields: Fields, event: string): void;
  error(fields: Fields, event: string): void;
}

/** Every metric there is; names end in units. Labels are few and bounded. */
export interface Metrics {
  /** Seconds until the first role of this kind expires; negative when one has. */
  expirySeconds(kind: "root" | "targets" | "delegated" | "bins" | "snapshot" | "timestamp", seconds: number): void;
  backlog(changes: number, bytes: number): void;
  publishSeconds(seconds: number, roles: number, changes: number): void;
  lastPublish(unixSeconds: number): void;
  error(source: "signer" | "storage" | "database" | "publisher", code: string): void;
  leading(leads: boolean): void;
  /** Set when publishing is halted, with the code of the reason; undefined when it goes on. */
  halted(code: string | undefined): void;
  setAside(changes: number): void;
  /** Lists of the read API that wait for their turn, and that are being made. */
  reads(waiting: number, underWay: number): void;
  /** How long one waited until it was begun. */
  readWaited(seconds: number): void;
  /** One was not made: too many waited, or its client left before its turn. */
  readRefused(why: "busy" | "left"): void;
}

export interface Telemetry {
  readonly log: Logger;
  readonly metrics: Metrics;
}
