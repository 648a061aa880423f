// The OpenAPI 3.1 document, made from the routes themselves. Schemas with `$id` become
// components; examples are answered as they say, which a test tries.

import type { Example, RegisteredRoute } from "./routes.ts";

export type OpenApiDocument = Readonly<Record<string, unknown>>;

type JsonRecord = Readonly<Record<string, unknown>>;

export function openApiDocument(routes: readonly RegisteredRoute[], options: { readonly version: string; readonly tokens: boolean }): OpenApiDocument {
  const components = new Map<string, unknown>();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(route, components);
  const refused = reference(CONTRACT_PROBLEM, components);
  const problem = reference(PROBLEM, components);
  return {
    openapi: "3.1.0",
    info: {
      title: "Repository Service for TUF API",
      description: "Repository Service for TUF Rest API",
      version: options.version,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    ...(options.tokens ? { security: [{ token: [] }] } : {}),
    paths,
    components: {
      schemas: Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1))),
      responses: {
        Refused: { description: "Refused: nothing was applied. `code` is stable.", content: { "application/json": { schema: refused } } },
        Problem: { description: "Refused: nothing was applied. `code` is stable.", content: { "application/problem+json": { schema: problem } } },
      },
      ...(options.tokens ? { securitySchemes: { token: { type: "http", scheme: "bearer" } } } : {}),
    },
  };
}

const CONTRACT_PROBLEM = {
  $id: "Refusal",
  type: "object",
  required: ["detail", "code"],
  properties: {
    detail: {
      anyOf: [
        { type: "object", properties: { message: { type: "string" }, error: { type: "string" } } },
        { type: "string" },
        {
          type: "array",
          items: {
            type: "object",
            required: ["type", "loc", "msg"],
            properties: {
              type: { type: "string" },
              loc: { type: "array", items: { anyOf: [{ type: "string" }, { type: "integer" }] } },
              msg: { type: "string" },
              input: { description: "The value, cut at 200 characters" },
              ctx: { type: "object" },
              code: { type: "string" },
            },
          },
        },
      ],
    },
    code: { type: "string" },
  },
} as const;

/** RFC 9457. */
const PROBLEM = {
  $id: "Problem",
  type: "object",
  required: ["type", "title", "status", "detail", "code"],
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string", description: "What is wrong and what to do, in words" },
    code: { type: "string", description: "Stable: for programs" },
    errors: { ...CONTRACT_PROBLEM.properties.detail.anyOf[2], description: "Of a 422: every fault" },
  },
} as const;

function operation(route: RegisteredRoute, components: Map<string, unknown>): JsonRecord {
  const { tag, summary, description, operationId, examples = {} } = route.docs;
  const answers: Record<string, unknown> = {};
  for (const [status, { description: words, schema, mediaType }] of Object.entries(route.answers)) {
    answers[status] = { description: words, content: content(reference(schema, components), answersOf(examples, Number(status)), mediaType) };
  }
  const isProblem = route.shape === "problem";
  const problem = reference(isProblem ? PROBLEM : CONTRACT_PROBLEM, components);
  for (const [status, words] of [[404, "Not now, or not here"], [422, "The request breaks a rule; every fault is listed"]] as const) {
    answers[status] = { description: words, content: content(problem, answersOf(examples, status), isProblem ? "application/problem+json" : undefined) };
  }
  answers["default"] = { $ref: `#/components/responses/${isProblem ? "Problem" : "Refused"}` };
  const requests = requestsOf(examples);
  return {
    tags: [tag],
    summary,
    description,
    operationId,
    ...(route.lines === undefined ? {} : { requestBody: { required: true, content: { "application/x-ndjson": { schema: reference(route.lines, components), ...requestExamples(requests) } } } }),
    ...(route.query === undefined && route.params === undefined && route.method === "GET" ? {} : { parameters: parameters(route) }),
    ...(route.body === undefined ? {} : { requestBody: { required: true, content: content(reference(route.body, components), requests) } }),
    responses: answers,
  };
}

const requestExamples = (examples: JsonRecord): JsonRecord => (Object.keys(examples).length === 0 ? {} : { examples });

function content(schema: unknown, examples: JsonRecord, mediaType = "application/json"): JsonRecord {
  return { [mediaType]: Object.keys(examples).length === 0 ? { schema } : { schema, examples } };
}

function answersOf(examples: Readonly<Record<string, Example>>, status: number): JsonRecord {
  const matching = Object.entries(examples).filter(([, example]) => example.status === status);
  return Object.fromEntries(matching.map(([name, { summary, answer }]) => [name, { summary, value: answer }]));
}

function requestsOf(examples: Readonly<Record<string, Example>>): JsonRecord {
  const withBody = Object.entries(examples).filter(([, example]) => example.body !== undefined || example.lines !== undefined);
  return Object.fromEntries(withBody.map(([name, { summary, body, lines }]) => [name, { summary, value: lines?.map((line) => `${JSON.stringify(line)}\n`).join("") ?? body }]));
}

const WRITE_HEADERS = [
  {
    name: "Idempotency-Key",
    in: "header",
    required: false,
    description: "The same key with the same body gets the first request's task; nothing is applied twice",
    schema: { type: "string", minLength: 1, maxLength: 255 },
  },
] as const;

const PREFER = {
  name: "Prefer",
  in: "header",
  required: false,
  description: "`wait=N`: answer when the task ended, at most after N seconds (1 - 60)",
  schema: { type: "string" },
  example: "wait=30",
} as const;

function parameters(route: RegisteredRoute): readonly unknown[] {
  const query = (route.query ?? {}) as { readonly properties?: JsonRecord; readonly required?: readonly string[] };
  const inQuery = Object.entries(query.properties ?? {}).map(([name, schema]) => ({
    name,
    in: "query",
    required: query.required?.includes(name) === true,
    schema: plain(schema),
  }));
  const params = (route.params ?? {}) as { readonly properties?: JsonRecord };
  const inPath = Object.entries(params.properties ?? {}).map(([name, schema]) => ({ name, in: "path", required: true, schema: plain(schema) }));
  const waits = query.properties?.["wait"] === undefined ? [] : [PREFER];
  return [...inPath, ...inQuery, ...waits, ...(route.method === "GET" ? [] : WRITE_HEADERS)];
}

/** The schema, with every schema that has an `$id` moved to the components. */
function reference(schema: unknown, components: Map<string, unknown>): unknown {
  if (Array.isArray(schema)) return schema.map((item) => reference(item, components));
  if (typeof schema !== "object" || schema === null) return schema;
  const members = Object.fromEntries(Object.entries(schema).filter(([name]) => name !== "$id").map(([name, value]: [string, unknown]) => [name, reference(value, components)]));
  const id = "$id" in schema ? schema.$id : undefined;
  if (typeof id !== "string") return members;
  if (!components.has(id)) components.set(id, { title: id, ...members });
  return { $ref: `#/components/schemas/${id}` };
}

/** Without what the type system keeps beside a schema. */
function plain(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema));
}
