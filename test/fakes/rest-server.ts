// A service that answers as it is told, on loopback, and remembers what it was asked.

import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export interface Asked {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What is answered; `"reset"` breaks the connection instead. */
export type RestAnswer = "reset" | { readonly status?: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> };

export interface RestServer extends AsyncDisposable {
  readonly url: string;
  readonly asked: readonly Asked[];
}

/** Answers come from `answer`: a list is used up, one a request, and its last one stays. */
export async function openRestServer(answer: readonly RestAnswer[] | ((asked: Asked) => RestAnswer | Promise<RestAnswer>)): Promise<RestServer> {
  const asked: Asked[] = [];
  const sockets = new Set<Socket>();
  const answerTo = typeof answer === "function" ? answer : (): RestAnswer => answer[Math.min(asked.length, answer.length) - 1] ?? {};
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const each = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, body: Buffer.concat(pieces).toString() };
      asked.push(each);
      void Promise.resolve(answerTo(each)).then((told) => {
        if (told === "reset") return request.socket.resetAndDestroy();
        response.writeHead(told.status ?? 200, { "content-type": "application/json", ...told.headers });
        return response.end(typeof told.body === "string" ? told.body : JSON.stringify(told.body ?? {}));
      });
    });
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
