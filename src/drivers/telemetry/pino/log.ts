// Log lines as JSON on stderr.
//
// Lines are written synchronously: the last words of a process that dies are worth more
// than the microseconds. What fails in here is dropped, never thrown: telemetry must not
// break what it watches. Apart from metrics, whose library a thread that only logs need not
// load: 85 modules, 0.1 s of CPU and 7 MiB.

import { pino, stdSerializers, stdTimeFunctions } from "pino";
import type { DestinationStream } from "pino";
import type { Fields, Logger } from "../../../ports/telemetry.ts";

export interface LogOptions {
  readonly level: "debug" | "info" | "warn" | "error" | "silent";
  /** Where lines go. Default: stderr, synchronous. */
  readonly destination?: DestinationStream;
  /** Members of every line, e.g. `{ role: "worker" }`. */
  readonly base?: Fields;
}

/** Members that are never printed, wherever a caller put them by mistake: at the top, or one level below. */
const SECRETS = ["password", "passphrase", "secret", "token", "authorization", "privateKey", "pem"];

export function createLog(options: LogOptions): Logger {
  const logger = pino(
    {
      level: options.level,
      base: { ...options.base },
      messageKey: "event",
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: stdSerializers.err, err: stdSerializers.err, cause: stdSerializers.err },
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: "[redacted]" },
    },
    options.destination ?? stderr(),
  );
  const write = (level: "debug" | "info" | "warn" | "error") => (fields: Fields, event: string): void => {
    quietly(() => logger[level](fields, event));
  };
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

function stderr(): DestinationStream {
  const destination = pino.destination({ fd: 2, sync: true });
  // The reader of stderr may be gone; the service goes on.
  destination.on("error", () => undefined);
  return destination;
}

export function quietly(work: () => unknown): void {
  try {
    work();
  } catch {
    // A value nobody can print or count; see the header.
  }
}
