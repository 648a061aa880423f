// Sends an import, on a thread of its own: whoever watches meanwhile for other artifacts is somebody else, and does not wait for it.

import { Readable } from "node:stream";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { artifactOf } from "./artifact.ts";
import { send } from "./send.ts";

export interface Upload {
  readonly url: string;
  /** Of the artifacts (artifact.ts). */
  readonly first: number;
  readonly count: number;
}

/** Answers the task's id, once all was read. */
export function uploaded(upload: Upload): Promise<string> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: upload, name: "upload" });
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (code) => { reject(new Error(`the upload ended with ${String(code)}`)); });
  });
}

function* lines({ first, count }: Upload): Generator<string> {
  const piece = 200;
  for (let at = first; at < first + count; at += piece) {
    let text = "";
    for (let n = at; n < Math.min(at + piece, first + count); n++) text += `${JSON.stringify(artifactOf(n))}\n`;
    yield text;
  }
}

if (!isMainThread) {
  const upload = workerData as Upload;
  parentPort?.postMessage(await send(upload.url, "application/x-ndjson", Readable.from(lines(upload))));
  // Its connection is kept alive, and would keep the thread.
  process.exit();
}
