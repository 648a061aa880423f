// How a refusal is answered: one table from error codes to status and words.
//
// Contract endpoints keep the contract's shapes, with a stable `code` beside them:
// `{"detail":{message,error},"code"}`, and for 422 `{"detail":[...],"code"}`. New endpoints
// answer problem+json (RFC 9457). What was not foreseen is a 500 that says nothing.

import type { FastifyReply, FastifyRequest } from "fastify";
import { reasonOf } from "../lib/app-error.ts";
import { InvalidRequest, OperationError } from "../operations/errors.ts";
import { DatabaseError } from "../ports/database.ts";
import { StorageError } from "../ports/storage.ts";
import type { Telemetry } from "../ports/telemetry.ts";
import { detailOf, SchemaRefusal, type Detail } from "./faults.ts";
import { isApi } from "./gate.ts";
import { HttpRefusal } from "./refusal.ts";

export interface Problem {
  readonly status: number;
  readonly code: string;
  /** What the contract answers as `detail`. */
  readonly detail: unknown;
  /** One line for problem+json. */
  readonly summary: string;
  readonly retryAfterSeconds?: number;
}

/** How refusals of a route are answered. */
export type ProblemShape = "contract" | "problem";

/** Words for `{"detail":{message,error}}` of one endpoint, where the contract fixes them. */
export interface ContractWords {
  /** `message` of `bootstrap-required`, and how its `error` begins. */
  readonly bootstrapRequired?: { readonly message: string; readonly error: string };
}

/** A problem that somebody else found, and has made one of already. */
export class ToldProblem extends Error {
  readonly problem: Problem;

  constructor(problem: Problem, reason: string, stack: string | undefined) {
    super(reason);
    this.problem = problem;
    if (stack !== undefined) this.stack = stack;
  }
}

export function problemOf(error: unknown, words: ContractWords = {}): Problem {
  if (error instanceof ToldProblem) return error.problem;
  if (error instanceof SchemaRefusal) return invalid(error.details, error.code);
  if (error instanceof InvalidRequest) return invalid(error.faults.map(detailOf), error.code);
  if (error instanceof OperationError) return operationProblem(error, words);
  if (error instanceof DatabaseError) return databaseProblem(error);
  if (error instanceof StorageError) return later(503, error.code, "the metadata storage does not answer; try again soon");
  if (error instanceof HttpRefusal) {
    const { status, code, message, retryAfterSeconds } = error;
    const base = { status, code, detail: { message: "Request refused.", error: message }, summary: message };
    return retryAfterSeconds === undefined ? base : { ...base, retryAfterSeconds };
  }
  return fastifyProblem(error) ?? { status: 500, code: "internal", detail: "Internal Server Error", summary: "Internal Server Error" };
}

function invalid(details: readonly Detail[], code: string): Problem {
  return { status: 422, code, detail: details, summary: details[0]?.msg ?? "the request is invalid" };
}

function operationProblem(error: OperationError, words: ContractWords): Problem {
  const refused = (message: string, reason: string): Problem => ({ status: 404, code: error.code, detail: { message, error: reason }, summary: reason });
  const state = error.state ?? "unknown";
  switch (error.code) {
    case "bootstrap-required": {
      const { message, error: begin } = words.bootstrapRequired ?? { message: "Task not accepted.", error: "It requires bootstrap finished." };
      return refused(message, `${begin} State: ${state}`);
    }
    case "bootstrap-locked": {
      const reason = `System already has a Metadata. State: ${state}`;
      return { status: 404, code: error.code, detail: { error: reason }, summary: reason };
    }
    case "targets-offline":
      return refused("Task not accepted.", "Targets is an offline role - use other endpoint to update");
    case "role-not-refreshable":
      return refused("Task not accepted.", "Hash bin delegation is used and only root, targets, snapshot, timestamp and bins roles can be bumped");
    case "no-bins":
      return refused("Task not accepted.", "Custom target delegation used and bins cannot be bumped");
    case "no-such-online-role":
      return refused("Task not accepted.", error.message);
    case "no-such-import":
      return { status: 404, code: error.code, detail: { message: "No such import.", error: error.message }, summary: error.message };
    case "import-gap":
    case "import-elsewhere":
      return { status: 409, code: error.code, detail: { message: "Import refused.", error: error.message }, summary: error.message };
    case "no-such-role":
      return refused("Not found.", `there is no role ${error.message}; GET /api/v1/roles lists those there are`);
    case "no-such-outside-role":
      return refused("Not found.", `there is no role ${error.message} whose team signs it elsewhere: ask for it with "signing": "outside" in POST or PUT /api/v1/delegations`);
    case "no-such-signing-event":
      return refused("Not found.", `${error.message}; GET /api/v1/signing-events lists those there are`);
    case "not-signing":
      return refused(`No signing process for ${error.message}.`, `The ${error.message} role is not in a signing process.`);
    default:
      return { status: 422, code: error.code, detail: { message: "Request refused.", error: error.message }, summary: error.message };
  }
}

function databaseProblem(error: DatabaseError): Problem {
  switch (error.code) {
    case "backlog-full":
      return later(429, error.code, "too many changes are pending: publish what is held, or try again later", 5);
    case "idempotency-key-reused":
      return invalid([{ type: "value_error", loc: ["header", "idempotency-key"], msg: "Value error, this Idempotency-Key came before with another body: a new request needs a new key", code: error.code }], error.code);
    default:
      return later(503, error.code, "the database cannot take the request now; nothing is known to be lost, try again");
  }
}

function later(status: number, code: string, reason: string, retryAfterSeconds = 1): Problem {
  return { status, code, detail: { message: "Task not accepted.", error: reason }, summary: reason, retryAfterSeconds };
}

const FASTIFY_CODES: Readonly<Record<string, readonly [number, string, string]>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, "unsupported-media-type", "the body must be application/json"],
  FST_ERR_CTP_EMPTY_TYPE: [415, "unsupported-media-type", "the body must be application/json"],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [400, "content-length", "Content-Length does not match the body"],
  FST_ERR_CTP_BODY_TOO_LARGE: [413, "body-too-large", "the body is too large"],
  FST_ERR_BAD_URL: [404, "not-found", "not a URL"],
};

function fastifyProblem(error: unknown): Problem | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const known = typeof code === "string" && Object.hasOwn(FASTIFY_CODES, code) ? FASTIFY_CODES[code] : undefined;
  if (known === undefined) return undefined;
  const [status, ours, reason] = known;
  return { status, code: ours, detail: { message: "Request refused.", error: reason }, summary: reason };
}

/** Answers with the shape of the endpoint: the contract's, or problem+json, as everywhere outside /api/. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  void reply.code(problem.status).header("cache-control", "no-store");
  if (problem.retryAfterSeconds !== undefined) void reply.header("retry-after", problem.retryAfterSeconds);
  if (isApi(request) && request.routeOptions.config.shape !== "problem") return reply.type("application/json").send({ detail: problem.detail, code: problem.code });
  const errors = problem.status === 422 && Array.isArray(problem.detail) ? { errors: problem.detail as unknown[] } : {};
  return reply
    .type("application/problem+json")
    .send({ type: "about:blank", title: TITLES.get(problem.status) ?? "Error", status: problem.status, detail: problem.summary, code: problem.code, ...errors });
}

const TITLES: ReadonlyMap<number, string> = new Map([
  [400, "Bad Request"], [401, "Unauthorized"], [403, "Forbidden"], [404, "Not Found"], [405, "Method Not Allowed"], [413, "Content Too Large"],
  [415, "Unsupported Media Type"], [421, "Misdirected Request"], [422, "Unprocessable Content"], [429, "Too Many Requests"],
  [500, "Internal Server Error"], [503, "Service Unavailable"],
]);

/** Logs what the operator must know of a refusal: faults of ours, never the request's content. */
export function reportProblem(telemetry: Telemetry, request: FastifyRequest, problem: Problem, error: unknown): void {
  if (problem.status < 500) return;
  const fields = { method: request.method, path: request.url.split("?", 1)[0], code: problem.code, reason: reasonOf(error) };
  telemetry.log.error(problem.code === "internal" && error instanceof Error ? { ...fields, stack: error.stack } : fields, "failed request");
  if (error instanceof DatabaseError || (error instanceof ToldProblem && problem.code !== "internal")) telemetry.metrics.error("database", problem.code);
  if (error instanceof StorageError) telemetry.metrics.error("storage", error.code);
}
