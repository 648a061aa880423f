// What a route is here: its place in the OpenAPI document and its handler, side by side.
//
// One registrar per API keeps the table that the document, the 405 answers and the list of
// disabled endpoints are made from.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Static, TSchema } from "./type.ts";
import type { Idempotency, OperationDeps, Submitted } from "../operations/deps.ts";
import type { TaskView } from "../operations/get-task.ts";
import type { DisabledEndpoints } from "./disabled.ts";
import { askForBody } from "./expect-continue.ts";
import { SchemaRefusal } from "./faults.ts";
import { readBody, readQuery } from "./lax.ts";
import { preferredWait } from "./prefer.ts";
import { problemOf, reportProblem, sendProblem, ToldProblem, type ContractWords, type ProblemShape } from "./problems.ts";
import type { Reading, Reply } from "./read-queue.ts";
import { lastUpdate, taskResultBody, type TaskResultBody } from "./task-body.ts";
import type { Waiters } from "./waiters.ts";
import type { Telemetry } from "../ports/telemetry.ts";

export type Method = "GET" | "POST" | "PUT";

/** A named example: the request, and what is answered to it word for word but for ids and times. */
export interface Example {
  readonly summary: string;
  /** When it is answered so: how far the repository is. */
  readonly given: "published" | "bootstrapped" | "fresh";
  readonly body?: unknown;
  /** The values of an NDJSON body. */
  readonly lines?: readonly unknown[];
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly status: number;
  readonly answer: unknown;
}

export interface RouteDocs {
  readonly tag: string;
  readonly summary: string;
  readonly description: string;
  readonly operationId: string;
  readonly examples?: Readonly<Record<string, Example>>;
}

export interface ApiRoute<Body extends TSchema, Query extends TSchema, Params extends TSchema> {
  readonly method: Method;
  /** As documented, `{name}` for a parameter; the other trailing-slash form is served too. */
  readonly path: string;
  /** How refusals are answered: as the contract does, or problem+json (RFC 9457). The contract's unless told. */
  readonly shape?: ProblemShape;
  readonly docs: RouteDocs;
  readonly body?: Body;
  /** The handler needs the body's bytes, too: `request.bodyBytes`. */
  readonly keepsBytes?: true;
  /** Instead of a body: what each line of an NDJSON body is. The handler gets the bytes as they come. */
  readonly lines?: TSchema;
  readonly query?: Query;
  /** Strings. */
  readonly params?: Params;
  /** The answers' bodies by status; 404, 422 and the general refusals are added. */
  readonly answers: Readonly<Record<number, { readonly description: string; readonly schema: TSchema; /** JSON unless told. */ readonly mediaType?: string }>>;
  readonly words?: ContractWords;
  readonly handle: (call: Call<Static<Body>, Static<Query>, Static<Params>>) => Promise<Answer | Stream | Told> | Answer | Stream | Told;
}

/** A route that only looks, answered apart (reading.ts). */
export interface ReadRoute<Query extends TSchema, Params extends TSchema> extends Pick<ApiRoute<TSchema, Query, Params>, "path" | "shape" | "docs" | "query" | "params" | "answers"> {
  readonly handle: (asked: { readonly query: Static<Query>; readonly params: Static<Params> }) => Promise<Answer>;
}

export interface Call<Body, Query, Params> {
  readonly body: Body;
  readonly query: Query;
  readonly params: Params;
  readonly request: FastifyRequest;
  /** The body of a route with `lines`, of any length; empty for all others. */
  readonly pieces: AsyncIterable<Uint8Array>;
  readonly idempotency: Idempotency | undefined;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** The task to wait for, and where in the body to tell of it, when the client prefers to wait. */
  readonly task?: { readonly id: string; readonly show: (view: TaskView) => unknown };
}

/** An answer whose body is JSON already. */
export interface Told {
  readonly status: number;
  readonly json: string;
}

/** An answer that goes on: the response is whose function this is. */
export interface Stream {
  readonly stream: (reply: FastifyReply) => void;
}

export interface RegisteredRoute {
  readonly method: Method;
  readonly path: string;
  readonly docs: RouteDocs;
  readonly shape?: ProblemShape;
  readonly body?: TSchema;
  readonly lines?: TSchema;
  readonly query?: TSchema;
  readonly params?: TSchema;
  readonly answers: AnyRoute["answers"];
}

type AnyRoute = ApiRoute<TSchema, TSchema, TSchema>;

/** Where routes that only look are declared. */
export interface Readings {
  readonly operations: OperationDeps;
  read<Query extends TSchema, Params extends TSchema>(route: ReadRoute<Query, Params>): void;
}

/** What resource plugins are given. */
export interface Resource {
  readonly operations: OperationDeps;
  route<Body extends TSchema, Query extends TSchema, Params extends TSchema>(route: ApiRoute<Body, Query, Params>): void;
}

export interface Registrar extends Resource, Readings {
  readonly routes: readonly RegisteredRoute[];
}

export interface RegistrarDeps {
  readonly operations: OperationDeps;
  readonly telemetry: Telemetry;
  readonly waiters: Waiters;
  readonly reading: Reading;
  readonly disabled: DisabledEndpoints;
}

declare module "fastify" {
  interface FastifyRequest {
    /** Who holds the token of this request; null without tokens. */
    principal: string | null;
  }
  interface FastifyContextConfig {
    shape?: ProblemShape;
    keepsBytes?: boolean;
  }
}

export function createRegistrar(app: FastifyInstance, deps: RegistrarDeps): Registrar {
  const routes: RegisteredRoute[] = [];
  const registrar: Registrar = {
    operations: deps.operations,
    routes,
    read({ handle: _, ...route }) {
      registrar.route({
        ...route,
        method: "GET",
        async handle({ query, params, request }) {
          const asker = { name: request.principal ?? request.ip, isGone: () => request.raw.socket.destroyed };
          return toldIn(await deps.reading.ask({ path: route.path, query, params }, asker));
        },
      });
    },
    route(route) {
      if (deps.disabled.has(route.method, route.path)) return;
      routes.push(route);
      const one = (scope: FastifyInstance): FastifyInstance => scope.route({
        method: route.method,
        url: route.path.replaceAll(/\{([a-z]+)\}/g, ":$1"),
        handler: (request, reply) => answer(route as unknown as AnyRoute, request, reply, deps),
        config: { shape: route.shape ?? "contract", ...(route.keepsBytes === undefined ? {} : { keepsBytes: true }), ...(route.lines === undefined ? {} : { streams: true }) },
        ...(route.lines === undefined ? {} : { bodyLimit: Number.MAX_SAFE_INTEGER }),
      });
      if (route.lines === undefined) one(app);
      // A scope of its own: elsewhere such a body is of an unsupported type.
      else void app.register((scope, _options, done) => {
        scope.removeAllContentTypeParsers();
        scope.addContentTypeParser(LINE_TYPES, (_request, payload, parsed) => { parsed(null, payload); });
        one(scope);
        done();
      });
    },
  };
  return registrar;
}

/** @throws ToldProblem */
function toldIn(reply: Reply): Told {
  if ("problem" in reply) throw new ToldProblem(reply.problem, reply.reason, reply.stack);
  return reply;
}

async function answer(route: AnyRoute, request: FastifyRequest, reply: FastifyReply, deps: RegistrarDeps): Promise<FastifyReply | undefined> {
  try {
    const query = route.query === undefined ? {} : readQuery(route.query, request.query);
    const body = route.body === undefined ? undefined : await readBody(route.body, request.body);
    const idempotency = route.method === "GET" ? undefined : idempotencyOf(request);
    const answered = await route.handle({ body, query, params: request.params, request, pieces: route.lines === undefined ? nothing() : piecesOf(request), idempotency });
    if ("stream" in answered) {
      reply.hijack();
      answered.stream(reply);
      return undefined;
    }
    if ("json" in answered) return await reply.code(answered.status).type("application/json").send(answered.json);
    const full = answered.task === undefined ? answered.body : await afterWaiting(answered.body, answered.task, waitOf(request, query), request, reply, deps.waiters);
    return await reply.code(answered.status).type("application/json").send(full);
  } catch (error) {
    const problem = problemOf(error, route.words);
    reportProblem(deps.telemetry, request, problem, error);
    return sendProblem(request, reply, problem);
  }
}

const LINE_TYPES = ["application/x-ndjson", "application/jsonl"];

/** A client that asks first is told to go on when somebody begins to read. */
async function* piecesOf(request: FastifyRequest): AsyncGenerator<Uint8Array> {
  askForBody(request);
  yield* (request.body ?? []) as AsyncIterable<Uint8Array> | Uint8Array[];
}

async function* nothing(): AsyncGenerator<Uint8Array> { /* no body */ }

function waitOf(request: FastifyRequest, query: unknown): number | undefined {
  const { wait } = query as { readonly wait?: number };
  return wait ?? preferredWait(request.headers.prefer);
}

async function afterWaiting(
  body: unknown,
  task: NonNullable<Answer["task"]>,
  seconds: number | undefined,
  request: FastifyRequest,
  reply: FastifyReply,
  waiters: Waiters,
): Promise<unknown> {
  // When too many wait already the answer comes at once, as a preference allows.
  if (seconds === undefined || !waiters.free) return body;
  void reply.header("preference-applied", `wait=${seconds}`);
  const gone = new AbortController();
  const onClose = (): void => gone.abort();
  request.raw.socket.once("close", onClose);
  try {
    return task.show(await waiters.wait(task.id, seconds * 1000, gone.signal));
  } finally {
    request.raw.socket.off("close", onClose);
  }
}

/** @throws SchemaRefusal for a key that is none */
function idempotencyOf(request: FastifyRequest): Idempotency | undefined {
  const key = request.headers["idempotency-key"];
  if (key === undefined) return undefined;
  if (typeof key !== "string" || !/^[\x21-\x7e]{1,255}$/.test(key)) {
    const msg = "Value error, an Idempotency-Key has 1 to 255 visible ASCII characters";
    throw new SchemaRefusal([{ type: "value_error", loc: ["header", "idempotency-key"], msg, ctx: { error: {} }, code: "idempotency-key" }]);
  }
  // The operation is part of what is repeated: the same key and body elsewhere is another request.
  const principal = `${request.principal ?? ""} ${request.method} ${request.routeOptions.url ?? ""}`;
  return { principal, key, bodySha256: request.bodySha256 ?? "" };
}

/** The contract's 202: the task's id, and with `Prefer: wait` its state and result beside it. */
export function submittedAnswer(submitted: Submitted, message: string, data: Readonly<Record<string, unknown>> = {}): Answer {
  const base = { ...data, task_id: submitted.taskId, last_update: lastUpdate(submitted.acceptedMs) };
  return {
    status: 202,
    body: { data: base, message },
    task: {
      id: submitted.taskId,
      show: (view): { data: { state: string; result?: TaskResultBody }; message: string } => {
        const result = taskResultBody(view);
        return { data: { ...base, state: view.state, ...(result === undefined ? {} : { result }) }, message };
      },
    },
  };
}
