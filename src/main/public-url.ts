// Asks the public address once, as clients do, for a name that is not there.
//
// Every client asks for `N+1.root.json` on every refresh, and must be told 404: go-tuf takes
// a 403 for a failure and refuses to go on, others take it for "no newer root" and stay behind
// for ever. An edge that keeps the 404 hides the next root for as long.

import { randomBytes } from "node:crypto";

/** Larger than any version that is ever given. */
const NEVER = "9007199254740991";
const TIMEOUT_MS = 10_000;

/** What to warn of; undefined when all is well. Never throws. */
export async function publicUrlFault(publicUrl: string): Promise<string | undefined> {
  const url = `${publicUrl}/${NEVER}.probe-${randomBytes(8).toString("hex")}.json`;
  try {
    const first = await ask(url);
    if (first.status === 403) return `${publicUrl} answers 403 for a file that is not there. Clients need 404: on a bucket, let the public list it, or let the edge turn 403 into 404. Some clients refuse every update until then, others never see a new root`;
    if (first.status !== 404) return `${publicUrl} answers ${String(first.status)} for a file that is not there; clients need 404`;
    const second = await ask(url);
    if (Number(second.headers.get("age") ?? 0) > 0 || /\bhit\b/i.test(second.headers.get("x-cache") ?? "")) return `${publicUrl} keeps the answer that a file is not there; clients would not see the next root for as long. Let it keep no 404`;
    return undefined;
  } catch (error) {
    return `${publicUrl} could not be asked: ${error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : String(error)}`;
  }
}

async function ask(url: string): Promise<Response> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: "manual" });
  await response.body?.cancel();
  return response;
}
