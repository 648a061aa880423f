// What an answer of the service means: JSON within bounds, or a refusal in words.

import { RestError, type Fault } from "./errors.ts";
import { faultIn, type Shape } from "./shape.ts";

const MAX_BYTES = 64 * 1024 * 1024;
const MAX_FAULTS_TOLD = 20;

/** The body as JSON, which is as the API says. @throws RestError `answer-unexpected` */
export async function readJson(response: Response, what: string, shape: Shape): Promise<unknown> {
  const text = await readText(response, what);
  let value: unknown;
  try {
    value = JSON.parse(text) as unknown;
  } catch (cause) {
    throw unexpected(response, what, `what came is no JSON: ${excerpt(text)}`, cause);
  }
  const fault = faultIn(value, shape);
  if (fault !== undefined) throw unexpected(response, what, `${fault}: ${excerpt(text)}`);
  return value;
}

/** The error that a refusal means. */
export async function refusalOf(response: Response, what: string): Promise<RestError> {
  const { status } = response;
  if (status >= 300 && status < 400) return redirected(what, response.headers.get("location") ?? undefined, status);
  const text = await readText(response, what);
  const { message, serverCode, faults } = reasonsOf(text);
  const told = { status, why: message, serverCode, faults };
  if (status === 401) return new RestError("unauthorized", `${what}: the service wants a token that it knows`, { ...told, todo: 'send one: -H "Authorization: Bearer TOKEN", or HEADERS in the configuration file' });
  if (status === 403) return new RestError("unauthorized", `${what}: this token may not`, { ...told, todo: "ask whoever runs the service for one that may" });
  if (status === 429) return new RestError("unavailable", `${what}: the service takes no more at the moment`, { ...told, todo: "try again later" });
  if (status >= 500) return new RestError("unavailable", `${what}: the service answered ${status}`, { ...told, todo: "try again; if it stays, rstuf status and the service's log say why" });
  if (serverCode === undefined && status === 404) return unexpected(response, what, message ?? "nothing is known there");
  return new RestError("refused", `${what}: the service declined`, { ...told, todo: todoOf(serverCode ?? "", message) });
}

/** What whoever uses the command line does about a refusal; without a word of ours, what the service says is all there is. */
const TODO: Readonly<Record<string, string>> = {
  "bootstrap-required": "hold a ceremony first: rstuf admin ceremony",
  "bootstrap-locked": "rstuf status shows what the repository is",
  "targets-offline": "people sign targets: rstuf admin metadata sign",
  "role-not-refreshable": "name roles that the online key signs, or none for all of them",
  "no-such-online-role": "rstuf admin delegations list shows the roles there are",
  "no-such-role": "rstuf admin delegations list shows the roles there are",
  "no-such-outside-role": "delegate to it first: rstuf admin delegations new --outside; rstuf admin delegations list shows what there is",
  "body-too-large": "send less at a time; artifacts: --batch",
  "idempotency-key-reused": "the same request goes on with its key; another one needs another key",
};

function todoOf(serverCode: string, message: string | undefined): string | undefined {
  if (serverCode === "bootstrap-required" && /State: (?:SIGNING|signing)/.test(message ?? "")) return "its root waits for signatures: rstuf admin metadata sign";
  if (serverCode === "bootstrap-required" && /State: pre/.test(message ?? "")) return "its bootstrap is under way: try again in a moment";
  return TODO[serverCode];
}

function unexpected(response: Response, what: string, why: string, cause?: unknown): RestError {
  return new RestError("answer-unexpected", `${what}: the answer (${response.status}) is not one of this API`, { status: response.status, why, todo: "look at the address: is the service there, and new enough?", cause });
}

/** Both shapes of refusals: the contract's `detail`, and problem+json. */
function reasonsOf(text: string): { readonly message: string | undefined; readonly serverCode: string | undefined; readonly faults: readonly Fault[] } {
  let body: unknown;
  try {
    body = JSON.parse(text) as unknown;
  } catch {
    return { message: text.trim() === "" ? undefined : excerpt(text), serverCode: undefined, faults: [] };
  }
  const serverCode = textAt(body, "code");
  const detail = at(body, "detail");
  if (Array.isArray(detail)) {
    const faults = detail.map(faultOf);
    const told = faults.slice(0, MAX_FAULTS_TOLD).map(({ at: where, message }) => (where === "" ? message : `${where}: ${message}`));
    if (faults.length > told.length) told.push(`and ${faults.length - told.length} more`);
    return { message: told.join("\n"), serverCode, faults };
  }
  const message = typeof detail === "string" ? detail : (textAt(detail, "error") ?? textAt(detail, "message") ?? textAt(body, "title"));
  return { message, serverCode, faults: [] };
}

function faultOf(item: unknown): Fault {
  const loc = at(item, "loc");
  const path = Array.isArray(loc) ? loc.map(String) : [];
  return { at: (path[0] === "body" ? path.slice(1) : path).join("."), message: (textAt(item, "msg") ?? "is wrong").replace(/^Value error, /, "") };
}

function at(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}

function textAt(value: unknown, name: string): string | undefined {
  const found = at(value, name);
  return typeof found === "string" ? found : undefined;
}

/** The body as text, within bounds. @throws RestError `answer-unexpected` */
export async function readText(response: Response, what: string): Promise<string> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += piece.length;
    if (length > MAX_BYTES) throw unexpected(response, what, `it is longer than ${MAX_BYTES} bytes`);
    pieces.push(piece);
  }
  return new TextDecoder().decode(Buffer.concat(pieces));
}

function excerpt(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, " ");
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

/** @param location when it is known */
export function redirected(what: string, location: string | undefined, status?: number): RestError {
  return new RestError("redirected", `${what}: the server sends us ${location === undefined ? "elsewhere" : `to ${location}`}`, { ...(status === undefined ? {} : { status }), todo: "if that is the service, give its address instead (--api-server, or SERVER in the configuration file)" });
}
