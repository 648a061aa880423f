// Readers who page through all artifacts without end, in a process of their own: told "begin" and "end" by who measures,
// it answers how many pages they read in between. At a low priority, for they stand for other machines.

import { Agent, get } from "node:http";
import { constants, setPriority } from "node:os";

const [origin = "", readers = "4"] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: Number(readers) });
const tell = (pages: number): void => { process.send?.(pages); };
setPriority(constants.priority.PRIORITY_LOW);

let over: AbortController | undefined;
let crowd: readonly Promise<void>[] = [];
let pages = 0;

process.on("message", (what: "begin" | "end") => {
  if (what === "begin") {
    pages = 0;
    const { signal } = over = new AbortController();
    crowd = Array.from({ length: Number(readers) }, () => read(signal));
    tell(0);
    return;
  }
  over?.abort();
  void Promise.all(crowd).then(() => { tell(pages); });
});

/** Each goes on where it ended, from page to page. */
async function read(signal: AbortSignal): Promise<void> {
  for (let place = ""; !signal.aborted; pages++) {
    const { status, body } = await fetched(`${origin}/api/v1/artifacts${place}`);
    if (status !== 200) throw new Error(`${String(status)}: ${body.slice(0, 200)}`);
    const { next } = JSON.parse(body) as { readonly next?: string };
    place = next === undefined ? "" : `?cursor=${next}`;
  }
}

function fetched(url: string): Promise<{ readonly status: number; readonly body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  get(url, { agent }, (answer) => {
    let body = "";
    answer.setEncoding("utf8");
    answer.on("data", (chunk: string) => { body += chunk; });
    answer.once("end", () => { resolve({ status: answer.statusCode ?? 0, body }); });
    answer.once("error", reject);
  }).once("error", reject);
  return promise;
}
