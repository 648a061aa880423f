// Copies the log to the file beside the writing connection: some 40 ms for what an import writes in half a second, in which a
// request that was accepted would wait for its commit.

import { extname } from "node:path";
import { Worker } from "node:worker_threads";

export interface LogCopier {
  /** Resolves when as much was copied as could be, or could not; one copy at a time. */
  copy(): Promise<void>;
}

/** Its thread begins with the first copy, and ends with the calling one. */
export function logCopier(file: string, busyTimeoutMs: number): LogCopier {
  let worker: Worker | undefined;
  let ended = (): void => undefined;
  return {
    copy() {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      ended = () => { resolve(undefined); };
      if (worker === undefined) {
        worker = new Worker(new URL(`./copy-thread${extname(import.meta.filename)}`, import.meta.url), { workerData: { file, busyTimeoutMs }, name: "log", execArgv: [], resourceLimits: HEAP });
        worker.on("message", () => { ended(); });
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
