// The API's side of the publisher's thread: starting it, hearing from it, ending it.

import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { FileSignersOptions } from "../../drivers/signer/file/signers.ts";
import type { LogOptions } from "../../drivers/telemetry/pino/log.ts";
import { AppError } from "../../lib/app-error.ts";
import type { Metrics } from "../../ports/telemetry.ts";
import type { PublisherPolicy } from "../../publisher/deps.ts";
import type { DatabaseConnector, OpenDatabase } from "../database.ts";
import type { PurgeOrder } from "../purge.ts";
import type { StorageOrder } from "../storage.ts";

export interface PublisherOrder {
  readonly database: DatabaseConnector;
  readonly storage: StorageOrder;
  readonly purge: PurgeOrder | undefined;
  readonly signers: Omit<FileSignersOptions, "env">;
  readonly sigstoreTrustedRoot: string | undefined;
  readonly logLevel: LogOptions["level"];
  readonly policy: PublisherPolicy;
}

export type FromPublisher =
  | { readonly is: "ready" }
  /** Storage cannot be used; the thread ends. */
  | { readonly is: "refused"; readonly code: string; readonly message: string }
  | { readonly is: "metric"; readonly name: keyof Metrics; readonly values: readonly unknown[] };

export interface PublisherThread {
  /** Lets the turn in hand end, gives up the lease, and resolves; after `timeoutMs` the thread is cut off, which loses nothing. */
  stop(timeoutMs: number): Promise<void>;
}

/**
 * What it holds is bounded by a batch's changes and bytes. Without a bound on what is young the engine lets
 * 128 MB of garbage gather: after a bootstrap of 16,384 bins this thread's heap had 172 MB, 66 in use.
 */
const HEAP = { maxYoungGenerationSizeMb: 24, maxOldGenerationSizeMb: 640 };

/** Resolves once the publisher's storage is proved. `died` hears of an end that nobody asked for. */
export async function startPublisher(
  database: OpenDatabase, rest: Omit<PublisherOrder, "database">, metrics: Metrics, died: (error: Error) => void,
): Promise<PublisherThread> {
  const { connector, transferList } = database.connector();
  const order: PublisherOrder = { ...rest, database: connector };
  const worker = new Worker(new URL(`./publisher-thread${extname(import.meta.filename)}`, import.meta.url), {
    workerData: order,
    resourceLimits: HEAP,
    transferList: [...transferList],
  });
  let stopping = false;
  /** What it refused, or else what ended it; which of the two arrives first is chance, but both are here before its exit. */
  let failure: Error | undefined;
  const ended = new Promise<void>((resolve) => worker.once("exit", () => { resolve(); }));
  await new Promise<void>((resolve, reject) => {
    worker.on("message", (message: FromPublisher) => {
      if (message.is === "ready") resolve();
      else if (message.is === "refused") failure = new AppError(message.code, message.message);
      else (metrics[message.name] as (...values: unknown[]) => void)(...message.values);
    });
    worker.once("error", (error: Error) => { failure ??= error; });
    worker.once("exit", (code) => {
      failure ??= new Error(`the publisher's thread ended with code ${String(code)}`);
      reject(failure);
      if (!stopping) died(failure);
    });
  });
  return {
    async stop(timeoutMs) {
      stopping = true;
      worker.postMessage("stop");
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([ended, new Promise((resolve) => { timer = setTimeout(resolve, timeoutMs); })]);
      clearTimeout(timer);
      await worker.terminate();
    },
  };
}
