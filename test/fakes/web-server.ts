// A plain web server on 127.0.0.1 that answers what a test says, bad things included.

import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Bytes, bytes without end, or a first byte and then nothing. */
export type WebAnswer = Buffer | "endless" | "stalled";

export interface WebServer {
  /** `http://127.0.0.1:PORT`, without a slash. */
  readonly url: string;
  /** Every path asked for, decoded, without the leading slash. */
  readonly requests: string[];
  close(): Promise<void>;
}

export const ZEROS = Buffer.alloc(65_536, 0x20);

/** `answerOf` gets the decoded path without its leading slash; undefined answers 404. */
export function openWebServer(answerOf: (path: string) => WebAnswer | undefined): Promise<WebServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? "/").slice(1));
    requests.push(path);
    answer(response, answerOf(path));
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      resolve({
        url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
        requests,
        close: () =>
          new Promise((closed) => {
            server.close(() => { closed(); });
            server.closeAllConnections();
          }),
      });
    });
  });
}

function answer(response: ServerResponse, body: WebAnswer | undefined): void {
  if (body === undefined) {
    response.writeHead(404).end();
  } else if (body === "stalled") {
    response.writeHead(200).write("{");
  } else if (body === "endless") {
    response.writeHead(200);
    const pour = () => {
      while (!response.destroyed && response.write(ZEROS));
    };
    response.on("drain", pour);
    pour();
  } else {
    response.writeHead(200).end(body);
  }
}
