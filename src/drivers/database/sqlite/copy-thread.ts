// The thread that copies the log to the file, once for each message.

import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";

const port = parentPort;
if (port === null) throw new Error("this file runs as a worker thread");
const { file, busyTimeoutMs } = workerData as { readonly file: string; readonly busyTimeoutMs: number };

port.on("message", () => {
  try {
    const db = new DatabaseSync(file, { timeout: busyTimeoutMs });
    try {
      // As far as no reader needs what it overwrites; nobody waits for it.
      db.exec("PRAGMA wal_checkpoint(PASSIVE)");
    } finally {
      db.close();
    }
  } catch {
    // The log grows until it is copied with somebody's commit, which then says what is wrong.
  }
  port.postMessage("done");
});
