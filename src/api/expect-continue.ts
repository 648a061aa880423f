// `Expect: 100-continue`: a client that asks first is told to go on when its body is about to
// be read, so that one that will be refused is never sent.

import type { FastifyInstance, FastifyRequest } from "fastify";

const waiting = new WeakMap<object, () => void>();

/** Routes requests that ask first as all others. */
export function serveExpectingClients(app: FastifyInstance): void {
  app.server.on("checkContinue", (request, response) => {
    waiting.set(request, () => response.writeContinue());
    app.server.emit("request", request, response);
  });
}

/** Tells the client to send its body, if it waits for that. */
export function askForBody(request: FastifyRequest): void {
  waiting.get(request.raw)?.();
  waiting.delete(request.raw);
}
