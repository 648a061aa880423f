// ports/webhook over HTTP.
//
// A name is resolved once, here; every address it leads to is checked, and the connection goes to
// the first of them, whatever the name says a moment later (no DNS rebinding). The signature is
// HMAC-SHA-256 over `<seconds>.<body>`, so that a receiver can refuse what is old.

import { createHmac } from "node:crypto";
import { lookup as systemLookup } from "node:dns/promises";
import { request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";

import { reasonOf } from "../../../lib/app-error.ts";
import { WebhookError, type WebhookSender } from "../../../ports/webhook.ts";
import { mayBeSentTo } from "./addresses.ts";

export interface HttpWebhookOptions {
  readonly secret: string;
  /** Named in the `User-Agent`. */
  readonly version: string;
  /** Every address of a name. The system's resolver when absent. */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
  /** What TLS trusts beside the system's roots, PEM. */
  readonly ca?: string;
  /** Milliseconds, for the time in the signature. */
  readonly now?: () => number;
  /** What ends a try after so many milliseconds; a timer when absent. */
  readonly timeout?: (ms: number) => AbortSignal;
}

/** From the look at the name to the answer. */
const TIMEOUT_MS = 5_000;

export function createHttpWebhookSender(options: HttpWebhookOptions): WebhookSender {
  const { secret, version, ca } = options;
  const resolve = options.resolve ?? (async (name) => (await systemLookup(name, { all: true })).map(({ address }) => address));
  const now = options.now ?? Date.now;
  const timeout = options.timeout ?? ((ms) => AbortSignal.timeout(ms));
  return {
    async send({ url, id, event, body }, signal) {
      const limit = AbortSignal.any([signal, timeout(TIMEOUT_MS)]);
      const target = new URL(url);
      const address = await before(limit, addressOf(target, resolve), target);
      const seconds = String(Math.floor(now() / 1000));
      const status = await post(target, address, ca, limit, Buffer.from(body), {
        "content-type": "application/json",
        "user-agent": `rstuf/${version}`,
        "rstuf-event-id": id,
        "rstuf-event": event,
        "rstuf-timestamp": seconds,
        "rstuf-signature": `v1=${signatureOf(secret, seconds, body)}`,
      });
      if (status < 200 || status > 299) throw new WebhookError("refused", `${target.origin} answered ${String(status)}`);
    },
  };
}

export function signatureOf(secret: string, seconds: string, body: string): string {
  return createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex");
}

/** The one address that will be connected to. */
async function addressOf(target: URL, resolve: NonNullable<HttpWebhookOptions["resolve"]>): Promise<string> {
  const loopbackOnly = target.protocol !== "https:";
  const name = target.hostname.replace(/^\[(.*)\]$/, "$1");
  const addresses = isIP(name) === 0 ? await resolve(name) : [name];
  const [first] = addresses;
  if (first === undefined) throw new WebhookError("unavailable", `${name} has no address`);
  // One bad address among good ones is an attempt to have it chosen.
  for (const address of addresses) {
    if (!mayBeSentTo(address, loopbackOnly)) throw new WebhookError("address-refused", `${name} leads to ${address}, where no webhook is sent${loopbackOnly ? ": http is for loopback addresses only" : ""}`);
  }
  return first;
}

async function before<T>(limit: AbortSignal, work: Promise<T>, target: URL): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = (): void => { reject(new WebhookError("unavailable", `${target.origin} did not answer in time`)); };
  limit.addEventListener("abort", late, { once: true });
  if (limit.aborted) late();
  try {
    return await Promise.race([work, promise]);
  } catch (error) {
    throw error instanceof WebhookError ? error : new WebhookError("unavailable", `${target.origin} could not be reached: ${reasonOf(error)}`, { cause: error });
  } finally {
    limit.removeEventListener("abort", late);
  }
}

function post(target: URL, address: string, ca: string | undefined, limit: AbortSignal, body: Buffer, headers: Record<string, string>): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const options: RequestOptions & { readonly ca?: string; readonly servername?: string } = {
    method: "POST",
    // The address that was checked; name and certificate stay those of the URL.
    host: address,
    port: target.port === "" ? undefined : Number(target.port),
    path: `${target.pathname}${target.search}`,
    headers: { ...headers, host: target.host, "content-length": body.length },
    agent: false,
    signal: limit,
    setHost: false,
    ...(target.protocol === "https:" && isIP(target.hostname.replace(/^\[(.*)\]$/, "$1")) === 0 ? { servername: target.hostname } : {}),
    ...(ca === undefined ? {} : { ca }),
  };
  const answered = (answer: IncomingMessage): void => {
    resolve(answer.statusCode ?? 0);
    // What it says is not read: the connection ends with its first line.
    answer.destroy();
  };
  const sent = target.protocol === "https:" ? httpsRequest(options, answered) : httpRequest(options, answered);
  sent.once("error", reject);
  sent.end(body);
  return before(limit, promise, target);
}
