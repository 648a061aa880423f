// The HTTP side of the service: every route, and what stands before all of them.
//
// A request passes, in this order: connection and header limits (Node), the host name it was
// addressed to, the token, the page it came from, the rate limit; then its body is received
// under the limits, read, checked, and given to one operation. A refusal at any step has
// applied nothing. Nothing here publishes or knows how.

import Fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import type { Clock, Random } from "../ports/clock.ts";
import type { Database } from "../ports/database.ts";
import type { Telemetry } from "../ports/telemetry.ts";
import { createOwners } from "../operations/owners.ts";
import { artifactRoutes } from "./artifacts.ts";
import { bootstrapRoutes } from "./bootstrap.ts";
import { configRoutes } from "./config.ts";
import { delegationRoutes } from "./delegations.ts";
import { parseDisabled } from "./disabled.ts";
import { docsPage } from "./docs.ts";
import { serveExpectingClients } from "./expect-continue.ts";
import { importRoutes } from "./import.ts";
import { createEventStreams, eventRoutes } from "./events.ts";
import { fileRoutes, type ArtifactFiles } from "./files.ts";
import { Aside } from "./aside.ts";
import { authenticate, checkHost, checkOrigin, isApi, isWrite } from "./gate.ts";
import { acceptJsonBodies } from "./json-body.ts";
import { metadataFileRoutes, type MetadataFiles } from "./metadata-files.ts";
import { answerUnknownPaths } from "./not-found.ts";
import { onlineMetadataRoutes } from "./online-metadata.ts";
import { openApiDocument, type OpenApiDocument } from "./openapi.ts";
import { probeRoutes, type Probes } from "./probes.ts";
import { problemOf, reportProblem, sendProblem } from "./problems.ts";
import { createAnswering, readRoutes } from "./reading.ts";
import { createReadQueue, type Answering } from "./read-queue.ts";
import { createRateLimit } from "./rate-limit.ts";
import { limitSlowBodies } from "./slow-body.ts";
import { createRegistrar } from "./routes.ts";
import type { ApiSettings } from "./settings.ts";
import { signingRoutes } from "./signing.ts";
import { taskRoutes } from "./tasks.ts";
import { createWaiters } from "./waiters.ts";

export interface ApiDeps extends Probes {
  readonly database: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  /** The published files. */
  readonly metadata: MetadataFiles;
  /** Who answers what only looks; this thread when absent. */
  readonly reads?: Answering;
  /** A trial's artifacts, served at /files/. */
  readonly files?: ArtifactFiles;
  readonly settings: ApiSettings;
}

/**
 * The service's HTTP side, ready to listen. `close()` answers who waits for a task, lets
 * requests in flight end, and closes the connections.
 * @throws DisabledEndpointError
 */
export async function createApi(deps: ApiDeps): Promise<FastifyInstance> {
  const { settings, telemetry } = deps;
  const { limits } = settings;
  const app = createServer(settings);

  const aside = new Aside();
  const takeWrite = createRateLimit(settings.rateLimit, deps.clock);
  app.decorateRequest("principal", null);
  app.addHook("onRequest", (request, reply, done) => {
    void reply.header("x-content-type-options", "nosniff").header("referrer-policy", "no-referrer");
    if (isApi(request)) void reply.header("cache-control", "no-store");
    try {
      checkHost(request, settings);
      request.principal = authenticate(request, settings.tokens) ?? null;
      checkOrigin(request, settings);
      if (isWrite(request)) takeWrite(request);
      aside.arrives(request);
      done();
    } catch (error) {
      const problem = problemOf(error);
      if (problem.status === 401) void reply.header("www-authenticate", "Bearer");
      sendProblem(request, reply, problem);
    }
  });
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error);
    reportProblem(telemetry, request, problem, error);
    return sendProblem(request, reply, problem);
  });
  app.addHook("onResponse", (request, reply, done) => {
    logAnswer(deps, request, reply.statusCode, reply.elapsedTime);
    done();
  });

  limitSlowBodies(app, limits.requestTimeoutMs);
  acceptJsonBodies(app, limits);
  const waiters = createWaiters(deps, limits.waiters);
  const streams = createEventStreams(deps, limits);
  app.addHook("preClose", (done) => {
    waiters.close();
    streams.close();
    done();
  });

  const disabled = parseDisabled(settings.disabledEndpoints);
  const operations = { database: deps.database, clock: deps.clock, random: deps.random, owners: createOwners(deps.database), limits, refreshAtFraction: settings.refreshAtFraction, refreshMarginMs: settings.refreshMarginMs, signingWindows: settings.signingWindows };
  const reading = createReadQueue(deps.reads ?? createAnswering(operations), limits.reads, { clock: deps.clock, metrics: deps.telemetry.metrics });
  const registrar = createRegistrar(app, { operations, telemetry, waiters, reading, disabled });
  answerUnknownPaths(app);
  bootstrapRoutes(registrar);
  configRoutes(registrar);
  onlineMetadataRoutes(registrar);
  delegationRoutes(registrar);
  signingRoutes(registrar);
  artifactRoutes(registrar);
  importRoutes(registrar, limits, aside);
  taskRoutes(registrar);
  readRoutes(registrar);
  eventRoutes(registrar, streams);
  metadataFileRoutes(app, deps.metadata, telemetry, disabled);
  if (deps.files !== undefined && !disabled.has("GET", "/files")) fileRoutes(app, deps.files, telemetry);
  probeRoutes(app, deps, disabled);
  const document = openApiDocument(registrar.routes, { version: settings.version, tokens: settings.tokens !== undefined });
  if (!disabled.has("GET", "/")) docsPage(app, document);
  disabled.requireAllUsed();
  apiTable.set(app, { routes: registrar.routes, document });
  return app;
}

export interface ApiTable {
  readonly routes: ReturnType<typeof createRegistrar>["routes"];
  readonly document: OpenApiDocument;
}

const apiTable = new WeakMap<FastifyInstance, ApiTable>();

/** What `app` serves, for the generated document and the tests of its examples. */
export function tableOf(app: FastifyInstance): ApiTable {
  const table = apiTable.get(app);
  if (table === undefined) throw new Error("not made by createApi");
  return table;
}

function createServer(settings: ApiSettings): FastifyInstance {
  const { limits, tls } = settings;
  const options = {
    logger: false,
    // Longer than any request line: names are refused by what they name, not by their length.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 16_384 },
    bodyLimit: limits.bodyBytes,
    connectionTimeout: limits.idleTimeoutMs,
    // Ours knows an exception (slow-body.ts).
    requestTimeout: 0,
    forceCloseConnections: "idle",
    return503OnClosing: true,
    schemaController: { compilersFactory: { buildValidator: unused, buildSerializer: unused } },
  } as const;
  const limited = { headersTimeout: limits.headersTimeoutMs, requestTimeout: 0, connectionsCheckingInterval: checkIntervalMs(settings), maxHeaderSize: 16_384 };
  const app: FastifyInstance = tls === undefined
    ? Fastify({ ...options, http: limited })
    : (Fastify({ ...options, https: { ...limited, cert: tls.cert, key: tls.key, minVersion: "TLSv1.2" } }));
  app.server.maxConnections = limits.connections;
  serveExpectingClients(app);
  return app;
}

/**
 * Routes check and write by their own schemas (lax.ts); Fastify has none to compile, and need not load its compilers: 100
 * modules, 60 ms of CPU at every start.
 */
function unused(): never {
  throw new Error("no route has a schema of Fastify's");
}

/** How often Node looks for headers that are over their time. */
function checkIntervalMs({ limits }: ApiSettings): number {
  return Math.max(100, Math.min(1000, limits.headersTimeoutMs / 4));
}

function logAnswer(deps: ApiDeps, request: FastifyRequest, status: number, durationMs: number): void {
  const fields = { method: request.method, path: request.routeOptions.url ?? "(none)", status, durationMs: Math.round(durationMs), principal: request.principal ?? undefined };
  if (isWrite(request)) deps.telemetry.log.info(fields, "answered write");
  else deps.telemetry.log.debug(fields, "answered read");
}
