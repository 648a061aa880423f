// Copies the log to the file beside the writing connection: some 40 ms for what an import writes in half a second, in which a
// request that was accepted would wait for its commit.

import { extname } from "node:path";
import { Worker } from "node:worker_threads";

export interface LogCopier {
  /** Resolves when as much was copied as could be, or could not; one copy at a time. */
  copy(): Promise<void>;
}

/** A thread that copies nothing for so long ends: at rest the service need not hold its memory. */
const IDLE_MS = 5_000;

/** Its thread begins with a copy, and ends when it is idle, or with the calling one. */
export function logCopier(file: string, busyTimeoutMs: number, idleMs = IDLE_MS): LogCopier & { readonly isRunning: boolean } {
  let worker: Worker | undefined;
  let ended = (): void => undefined;
  let idle: NodeJS.Timeout | undefined;
  return {
    get isRunning() { return worker !== undefined; },
    copy() {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      ended = () => { resolve(undefined); };
      clearTimeout(idle);
      if (worker === undefined) {
        worker = new Worker(new URL(`./copy-thread${extname(import.meta.filename)}`, import.meta.url), { workerData: { file, busyTimeoutMs }, name: "log", execArgv: [], resourceLimits: HEAP });
        worker.on("message", () => {
          ended();
          idle = setTimeout(() => { void worker?.terminate(); }, idleMs).unref();
        });
        // Then the log is copied with commits, when it is long.
        worker.on("error", () => undefined);
        worker.once("exit", () => {
          worker = undefined;
          ended();
        });
        worker.unref();
      }
      worker.postMessage("copy");
      return promise;
    },
  };
}

const HEAP = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 };
