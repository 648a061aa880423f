// Paths nobody serves: 404, and 405 with `Allow` where only the method is wrong.

import type { FastifyInstance, FastifyRequest } from "fastify";
import { isApi } from "./gate.ts";
import { sendProblem } from "./problems.ts";

/** Must be called before the routes are registered. */
export function answerUnknownPaths(app: FastifyInstance): void {
  const methods = new Map<string, Set<string>>();
  app.addHook("onRoute", ({ url, method }) => {
    const known = methods.get(withoutSlash(url)) ?? new Set<string>();
    for (const one of [method].flat()) known.add(one);
    methods.set(withoutSlash(url), known);
  });
  app.setNotFoundHandler((request, reply) => {
    const allowed = allowedMethods(request, methods);
    if (allowed === undefined) return sendProblem(request, reply, { status: 404, code: "not-found", detail: "Not Found", summary: "there is nothing here; /openapi.json says what there is" });
    void reply.header("allow", [...allowed].sort().join(", "));
    return sendProblem(request, reply, { status: 405, code: "method-not-allowed", detail: "Method Not Allowed", summary: `${request.method} is not possible here` });
  });
}

function allowedMethods(request: FastifyRequest, methods: ReadonlyMap<string, ReadonlySet<string>>): ReadonlySet<string> | undefined {
  const path = withoutSlash(request.url.split("?", 1)[0] ?? "");
  const exact = methods.get(path);
  if (exact !== undefined || isApi(request)) return exact;
  for (const [url, known] of methods) {
    const wildcard = /^(\/[a-z]+\/)(?::[a-z]+|\*)$/.exec(url)?.[1];
    if (wildcard !== undefined && path.startsWith(wildcard) && !known.has(request.method)) return known;
  }
  return undefined;
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}
