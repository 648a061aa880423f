// Long simulations run in a thread of their own. The test runner follows every promise of a test
// through async hooks; where a test makes millions of them, that is a third of its time.

import { Worker } from "node:worker_threads";

/**
 * What `module` (a file URL) answers for `name(...args)`. Arguments and answer are structured clones.
 * @throws what the call throws, and what ends the thread
 */
export async function apart<Answer>(module: string, name: string, ...args: readonly unknown[]): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const worker = new Worker(new URL("./apart-thread.ts", import.meta.url), { workerData: { module, name, args } });
  worker.once("message", resolve);
  worker.once("error", reject);
  worker.once("exit", (code) => { reject(new Error(`the thread of ${name} ended with ${String(code)} and no answer`)); });
  try {
    return await promise;
  } finally {
    await worker.terminate();
  }
}
