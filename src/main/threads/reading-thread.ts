// The reading thread: pages of the read API, made where they hold up nothing else.
//
// It has a connection of its own, which no write waits for, and answers with the text that is sent. On Linux it
// stands back behind the other threads when they want the processor, too: publishing comes first.

import { constants, getPriority, setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { createAnswering } from "../../api/reading.ts";
import { systemClock, systemRandom } from "../../drivers/clock/system/clock.ts";
import { useSigstore } from "../../drivers/verifier/sigstore/sigstore.ts";
import { createOwners } from "../../operations/owners.ts";
import { connectDatabase } from "../database.ts";
import type { FromReader, ReadingOrder, ToReader } from "./reading-link.ts";

/** Above what the others have: a third of the share of one that wants the processor, too; all of it while none does. */
const NICE = 5;

const port = parentPort;
if (port === null) throw new Error("this file runs as a worker thread");
const { database: connector, sigstoreTrustedRoot, settings } = workerData as ReadingOrder;
if (sigstoreTrustedRoot !== undefined) await useSigstore(sigstoreTrustedRoot);
const database = await connectDatabase(connector);
const answer = createAnswering({ database, clock: systemClock, random: systemRandom, owners: createOwners(database), ...settings });
// Not before: who asks first waits for all of this.
standBack();

port.on("message", (message: ToReader) => {
  if (message === "stop") {
    port.close();
    void database.close();
    return;
  }
  void answer(message.question).then((reply) => { port.postMessage({ no: message.no, reply } satisfies FromReader); });
});

/** Linux knows priorities of threads, and 0 is the one that calls; elsewhere it would be the whole process. */
function standBack(): void {
  if (process.platform !== "linux") return;
  try {
    setPriority(0, Math.min(getPriority(0) + NICE, constants.priority.PRIORITY_LOW));
  } catch {
    // A sandbox forbids it: then all threads are alike.
  }
}
