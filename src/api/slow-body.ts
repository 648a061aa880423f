// A request's body must arrive in time. Node's own limit knows no exceptions, and an import of
// millions of lines is one: there it is enough that something keeps coming.

import type { FastifyInstance, FastifyRequest } from "fastify";

declare module "fastify" {
  interface FastifyContextConfig {
    /** A body of any length, read as it comes. */
    streams?: boolean;
  }
}

export function limitSlowBodies(app: FastifyInstance, timeoutMs: number): void {
  app.addHook("onRequest", (request, _reply, done) => {
    if (hasBody(request)) watch(request, timeoutMs, request.routeOptions.config.streams === true);
    done();
  });
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** `moving`: the time starts again with every look at which more had come. */
function watch({ raw }: FastifyRequest, timeoutMs: number, moving: boolean): void {
  const { socket } = raw;
  let seen = socket.bytesRead;
  const timer = setInterval(() => {
    // Nothing is read while we write to the database: then it is not the client who is slow.
    const waitsForUs = raw.readableLength > 0;
    if (moving && (waitsForUs || socket.bytesRead > seen)) {
      seen = socket.bytesRead;
      return;
    }
    clearInterval(timer);
    if (raw.complete || socket.destroyed) return;
    if (socket.bytesWritten === 0 || moving) socket.write("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n");
    socket.destroySoon();
  }, timeoutMs);
  timer.unref();
  // The connection outlives its requests, and must not remember them.
  const end = (): void => {
    clearInterval(timer);
    socket.off("close", end);
  };
  raw.once("end", end);
  raw.once("close", end);
  socket.once("close", end);
}
