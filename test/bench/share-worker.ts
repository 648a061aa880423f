// One worker of `npm run bench:share`: a publisher in a process of its own. Settings come as JSON in the argument; a line on
// stdout tells of each event of its log, and what CPU it has taken, when asked by a line on stdin.

import { createPrivateKey, sign } from "node:crypto";
import { createInterface } from "node:readline";
import { systemClock, systemRandom } from "../../src/drivers/clock/system/clock.ts";
import { openPostgres } from "../../src/drivers/database/postgres/postgres.ts";
import { createTelemetry } from "../../src/drivers/telemetry/pino/telemetry.ts";
import { Publisher } from "../../src/publisher/publisher.ts";
import { verifyThresholdApart } from "../../src/tuf/threshold.ts";
import { TEST_POLICY } from "../fakes/publisher-stage.ts";
import { createSlowStorage } from "./slow-storage.ts";

export interface WorkerOrder {
  readonly url: string;
  readonly folder: string;
  readonly putMs: number;
  readonly concurrency: number;
  readonly fromRoles: number;
  /** PEM, made for the run. */
  readonly privateKey: string;
}

const order = JSON.parse(process.argv[2] ?? "") as WorkerOrder;
const key = createPrivateKey(order.privateKey);
const { log, metrics } = createTelemetry({ level: "debug", processMetrics: false, destination: process.stdout });
const database = await openPostgres({ url: order.url });
const publisher = new Publisher({
  database,
  storage: createSlowStorage(order.folder, order.putMs, order.concurrency),
  signers: { open: (uri) => Promise.resolve({ uri, sign: (bytes) => Promise.resolve(sign(null, bytes, key).toString("hex")) }) },
  verify: verifyThresholdApart,
  clock: systemClock,
  random: systemRandom,
  telemetry: { log, metrics },
  policy: { ...TEST_POLICY, share: { fromRoles: order.fromRoles, mostRoles: 512 } },
});
const over = new AbortController();
const asked = createInterface({ input: process.stdin });
asked.on("line", () => {
  const { user, system } = process.cpuUsage();
  process.stdout.write(`${JSON.stringify({ cpuMs: (user + system) / 1000 })}\n`);
});
asked.on("close", () => { over.abort(); });
await publisher.run(over.signal);
await database.close();
