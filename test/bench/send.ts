// A request that is accepted.

import { Agent, request } from "node:http";
import type { Readable } from "node:stream";

/** The service takes 1,000 connections; one of them is the watcher's. */
const AGENT = new Agent({ keepAlive: true, maxSockets: 900 });

/** Answers the task's id. @throws when it was refused */
export function send(url: string, type: string, body: Readable): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const sent = request(url, { method: "POST", agent: AGENT, headers: { "content-type": type } }, (answer) => {
    let text = "";
    answer.on("data", (chunk: Buffer) => { text += chunk.toString(); });
    answer.once("end", () => {
      if (answer.statusCode === 202) resolve((JSON.parse(text) as { data: { task_id: string } }).data.task_id);
      else reject(new Error(`${String(answer.statusCode)}: ${text.slice(0, 300)}`));
    });
    answer.once("error", reject);
  });
  sent.once("error", reject);
  body.pipe(sent);
  return promise;
}
