// A web server on this machine, for fetchers to meet.

import http from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";

export type Route = (request: http.IncomingMessage, response: http.ServerResponse) => void;

export interface Web {
  /** `http://127.0.0.1:PORT/` */
  readonly base: string;
  /** By path, with its slash. */
  readonly routes: Map<string, Route>;
  close(): Promise<void>;
}

export async function openWeb(): Promise<Web> {
  const routes = new Map<string, Route>();
  const server = http.createServer((request, response) => {
    const route = routes.get((request.url ?? "").split("?")[0]!);
    if (route !== undefined) route(request, response);
    else response.writeHead(404).end("<html>not here</html>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    routes,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

export const answer =
  (status: number, headers: http.OutgoingHttpHeaders = {}, body: Uint8Array | string = ""): Route =>
  (_, response) =>
    void response.writeHead(status, headers).end(body);

export const stream =
  (pieces: Iterable<Uint8Array>): Route =>
  (_, response) =>
    void Readable.from(pieces).on("error", () => undefined).pipe(response);
