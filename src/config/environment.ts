// The only place that reads process.env. Everybody else is handed what it may know.

export type Environment = Readonly<Record<string, string | undefined>>;

/** The variables this process was started with, as they are now. */
export function processEnvironment(): Environment {
  return { ...process.env };
}

/** `publisher.minIntervalMs` -> `RSTUF_PUBLISHER_MIN_INTERVAL_MS`. */
export function environmentName(key: string): string {
  return `RSTUF_${key.replaceAll(".", "_").replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase()}`;
}
