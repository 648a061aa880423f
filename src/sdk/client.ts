// The REST API as typed calls: `client.call("GET /api/v1/task/", { query: { task_id } })`.
//
// A request is sent again after a reset connection or a 503 when that is safe: a GET, or a
// write, each of which carries an Idempotency-Key of its own, so that the service applies it
// once however often it arrives. Redirects are never followed: a token would go along.

import { connectionReason, systemCode } from "../lib/connection-words.ts";
import { readJson, readText, refusalOf, redirected } from "./answer.ts";
import { ANSWERS } from "./api-answers.ts";
import type { Operations, Streamed } from "./api-types.ts";
import { RestError } from "./errors.ts";
import { DEFAULT_RETRIES, delayBefore, isPassing, retryAfterMs, type RetryPolicy, type Timing } from "./retry.ts";
import { serverUrl } from "./server.ts";

export interface ClientOptions {
  /** Where the service is, e.g. `https://rstuf.example.org`. */
  readonly server: string;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Of the program that asks, e.g. `rstuf/1.0`. */
  readonly userAgent: string;
  readonly timing: Timing;
  readonly retries?: RetryPolicy;
  /** Ends every call that has no signal of its own; asked for when one begins. */
  readonly interruption?: () => AbortSignal;
  /** How long one try may take, beside the time it asks the service to wait. */
  readonly timeoutMs?: number;
}

export type OperationName = keyof Operations;

type Present<T> = { readonly [K in keyof T as T[K] extends undefined ? never : K]: T[K] };

/** What a call takes: path, query and body as the operation has them. */
export type Given<O extends OperationName> = Present<Pick<Operations[O], "path" | "query" | "body">> & CallOptions;

export interface CallOptions {
  /** Ask the service to answer only when the task ended, at most after so many seconds (1 - 60). */
  readonly waitSeconds?: number | undefined;
  /** The same key with the same body is applied once; by default each call has its own. */
  readonly idempotencyKey?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

const DEFAULT_TIMEOUT_MS = 120_000;
const WHERE_TO_MS = 10_000;

export class RestClient {
  /** The address without a slash at its end. */
  readonly server: string;
  readonly timing: Timing;
  readonly #options: ClientOptions;

  /** @throws RestError `server-invalid` */
  constructor(options: ClientOptions) {
    this.server = serverUrl(options.server);
    this.timing = options.timing;
    this.#options = options;
  }

  /** The answer's JSON. @throws RestError with what happened, why, and what to do */
  async call<O extends OperationName>(operation: O, given: Given<O>): Promise<Operations[O]["answer"]> {
    const response = await this.open(operation, given);
    const what = this.#what(operation, given);
    return (await this.#reading(what, () => readJson(response, what, ANSWERS[operation]))) as Operations[O]["answer"];
  }

  /** The answer itself, its status good and its body not yet read. */
  async open<O extends OperationName>(operation: O, given: Given<O>): Promise<Response> {
    const request = this.#request(operation, given);
    const what = this.#what(operation, given);
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.#try(what, request);
      if (outcome instanceof Response) return outcome;
      const delay = outcome.again && request.repeatable ? delayBefore(attempt, this.#options.retries ?? DEFAULT_RETRIES, this.timing.fraction(), outcome.retryAfterMs) : undefined;
      if (delay === undefined) throw outcome.error;
      await this.timing.sleep(delay, request.signal);
      if (request.signal?.aborted === true) throw interrupted(what, request.method);
    }
  }

  /** What lies at a path beside the API, `/readyz` or `/metadata/timestamp.json`, whatever its status; asked once. */
  async probe(path: string, signal?: AbortSignal): Promise<{ readonly status: number; readonly text: string }> {
    const what = `GET ${this.server}${path}`;
    const headers = new Headers({ ...this.#options.headers, "user-agent": this.#options.userAgent });
    const timeoutMs = this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    try {
      const response = await fetch(this.server + path, { headers, redirect: "manual", signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])]) });
      return { status: response.status, text: await this.#reading(what, () => readText(response, what)) };
    } catch (cause) {
      if (cause instanceof RestError) throw cause;
      if (signal?.aborted === true) throw interrupted(what, "GET");
      throw unreachable(what, this.server, timeoutMs, cause);
    }
  }

  #request(operation: OperationName, given: CallOptions & { readonly path?: unknown; readonly query?: unknown; readonly body?: unknown }): Request {
    const [method = "", template = ""] = operation.split(" ");
    const headers = new Headers({ accept: "application/json", "user-agent": this.#options.userAgent });
    for (const [name, value] of Object.entries({ ...this.#options.headers, ...given.headers })) headers.set(name, value);
    if (given.waitSeconds !== undefined) headers.set("prefer", `wait=${given.waitSeconds}`);
    if (method !== "GET" && !headers.has("idempotency-key")) headers.set("idempotency-key", given.idempotencyKey ?? crypto.randomUUID());
    const streamed = isStreamed(given.body) ? given.body : undefined;
    if (given.body !== undefined && streamed === undefined) headers.set("content-type", "application/json");
    return {
      method,
      url: this.server + filled(template, given.path) + queryText(given.query),
      headers,
      // Bytes are JSON already, of which every one counts.
      body: streamed ?? (given.body === undefined ? undefined : given.body instanceof Uint8Array ? new Uint8Array(given.body) : JSON.stringify(given.body)),
      // A stream that was read is gone; whoever sends one begins again himself.
      repeatable: streamed === undefined,
      timeoutMs: (this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS) + (given.waitSeconds ?? 0) * 1000,
      signal: given.signal ?? this.#options.interruption?.(),
    };
  }

  async #try(what: string, request: Request): Promise<Response | Failure> {
    const signals = [...(request.signal === undefined ? [] : [request.signal]), ...(request.repeatable ? [AbortSignal.timeout(request.timeoutMs)] : [])];
    try {
      const response = await fetch(request.url, {
        method: request.method,
        headers: request.headers,
        redirect: "manual",
        signal: AbortSignal.any(signals),
        ...(request.body === undefined ? {} : { body: request.body, duplex: "half" }),
        ...(request.repeatable ? {} : ONCE),
      });
      if (response.ok) return response;
      const error = await this.#reading(what, () => refusalOf(response, what));
      return { error, again: response.status === 503 || response.status === 429, retryAfterMs: retryAfterMs(response.headers.get("retry-after")) };
    } catch (cause) {
      if (cause instanceof RestError) return { error: cause, again: false };
      if (request.signal?.aborted === true) return { error: interrupted(what, request.method), again: false };
      if (isRedirect(cause)) return { error: redirected(what, await this.#whereTo(request)), again: false };
      return { error: unreachable(what, this.server, request.timeoutMs, cause), again: isPassing(cause) };
    }
  }

  /** Where a streamed request was sent on to, which its own answer does not say: asked without a body. */
  async #whereTo({ url, signal }: Request): Promise<string | undefined> {
    const headers = new Headers({ ...this.#options.headers, "user-agent": this.#options.userAgent });
    try {
      const { status, headers: told, body } = await fetch(url, { headers, redirect: "manual", signal: AbortSignal.any([AbortSignal.timeout(WHERE_TO_MS), ...(signal === undefined ? [] : [signal])]) });
      await body?.cancel();
      return status >= 300 && status < 400 ? (told.get("location") ?? undefined) : undefined;
    } catch {
      return undefined;
    }
  }

  /** An answer can break off while it is read. */
  async #reading<T>(what: string, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (cause) {
      if (cause instanceof RestError) throw cause;
      throw new RestError("unreachable", `${what}: the answer broke off`, { why: connectionReason(cause), todo: "try again", cause });
    }
  }

  /** The call as an error names it: where it really went. The query stays out: it may be long. */
  #what(operation: OperationName, given: CallOptions & { readonly path?: unknown }): string {
    const [method = "", template = ""] = operation.split(" ");
    return `${method} ${this.server}${filled(template, given.path)}`;
  }
}

/**
 * Without these fetch keeps a copy of all that is streamed, to send it once more after a redirect or a
 * challenge: 320 MB of an import of two million. A redirect fails then, and its address is asked for apart.
 */
const ONCE = { redirect: "error", window: null } as const;

interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string | Uint8Array<ArrayBuffer> | Streamed | undefined;
  readonly repeatable: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

interface Failure {
  readonly error: RestError;
  readonly again: boolean;
  readonly retryAfterMs?: number | undefined;
}

function isStreamed(body: unknown): body is Streamed {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}

function filled(template: string, path: unknown): string {
  const values = (path ?? {}) as Readonly<Record<string, string | number>>;
  return template.replaceAll(/\{([^}]+)\}/g, (_all, name: string) => encodeURIComponent(String(values[name] ?? "")));
}

function queryText(query: unknown): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries((query ?? {}) as Readonly<Record<string, string | number | boolean | undefined>>)) if (value !== undefined) parameters.append(name, String(value));
  const text = parameters.toString();
  return text === "" ? "" : `?${text}`;
}

/** What fetch throws where a redirect is an error. */
function isRedirect(cause: unknown): boolean {
  return cause instanceof Error && cause.cause instanceof Error && cause.cause.message === "unexpected redirect";
}

/** A write that was on its way may have arrived. */
function interrupted(what: string, method: string): RestError {
  const told = method === "GET" ? {} : { why: "whether the service has accepted it is not known", todo: "rstuf task list shows what it has accepted" };
  return new RestError("interrupted", `${what}: interrupted`, told);
}

const CERTIFICATES = "if the authority is your own, name its certificate in NODE_EXTRA_CA_CERTS";

function unreachable(what: string, server: string, timeoutMs: number, cause: unknown): RestError {
  if (cause instanceof Error && cause.name === "TimeoutError") {
    return new RestError("too-slow", `${what}: no answer within ${Math.round(timeoutMs / 1000)} s`, { todo: "try again; is the service busy, or something in between silent?", cause });
  }
  const why = connectionReason(cause);
  const todo = /CERT|VERIFY|ISSUER/.test(systemCode(cause) ?? "") ? CERTIFICATES : `is the service running, and is its address ${server}? See --api-server`;
  return new RestError("unreachable", `${what}: no connection`, { why, todo, cause });
}
