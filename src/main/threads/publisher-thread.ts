// The publisher's thread: pressing and signing never hold up the API's event loop.
//
// Gets its settings and a connector to the database; says "ready" once storage is proved,
// forwards metrics, and ends when told to stop. An error that ends this thread ends the
// process: durability is in doubt then, and a new process recovers.

import { parentPort, workerData } from "node:worker_threads";
import { processEnvironment } from "../../config/environment.ts";
import { systemClock, systemRandom } from "../../drivers/clock/system/clock.ts";
import { createFileSigners } from "../../drivers/signer/file/signers.ts";
import { createLog } from "../../drivers/telemetry/pino/log.ts";
import { useSigstore } from "../../drivers/verifier/sigstore/sigstore.ts";
import { AppError } from "../../lib/app-error.ts";
import { tidyWhenIdle } from "../../lib/tidy.ts";
import type { Storage } from "../../ports/storage.ts";
import type { Metrics } from "../../ports/telemetry.ts";
import { Publisher } from "../../publisher/publisher.ts";
import { connectDatabase } from "../database.ts";
import { purging } from "../purge.ts";
import { openStorage, type StorageOrder } from "../storage.ts";
import type { FromPublisher, PublisherOrder } from "./publisher-link.ts";
import { verifyThresholdApart } from "../../tuf/threshold.ts";

const port = parentPort;
if (port === null) throw new Error("this file runs as a worker thread");
const order = workerData as PublisherOrder;
const say = (message: FromPublisher): void => { port.postMessage(message); };

const log = createLog({ level: order.logLevel, base: { part: "publisher" } });
const metrics = new Proxy({} as Metrics, {
  get: (_, name: keyof Metrics) => (...values: unknown[]) => { say({ is: "metric", name, values }); },
});
const environment = processEnvironment();
if (order.sigstoreTrustedRoot !== undefined) await useSigstore(order.sigstoreTrustedRoot);
const proved = await openProved(order.storage);
const storage = order.purge === undefined ? proved : purging(proved, order.purge, log);
const database = await connectDatabase(order.database);
const publisher = new Publisher({
  database,
  storage,
  signers: createFileSigners({ ...order.signers, env: (name) => environment[name] }),
  verify: verifyThresholdApart,
  clock: systemClock,
  random: systemRandom,
  telemetry: { log, metrics },
  policy: order.policy,
});

const stopping = new AbortController();
port.once("message", () => { stopping.abort(); });
tidyWhenIdle();
say({ is: "ready" });
await publisher.run(stopping.signal);
await storage.close();
await database.close();
port.close();

/** What storage refuses is told in its own words: an error loses its class on the way out of a thread. */
async function openProved(place: StorageOrder): Promise<Storage> {
  try {
    const opened = await openStorage(place);
    await opened.prove();
    return opened;
  } catch (error) {
    if (error instanceof AppError) say({ is: "refused", code: (error as AppError).code, message: error.message });
    throw error;
  }
}
