// A TCP proxy before a server's socket, that a test can cut, stall, or make swallow one answer.

import { createConnection, createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

export interface Proxy {
  readonly port: number;
  /** Ends every connection, and refuses new ones while it is `cut`. */
  cut(): void;
  /** Passes nothing on in either direction, and tells nobody: a network that lost its way. */
  stall(): void;
  heal(): void;
  /** Ends the connection that next sends bytes for which `when` holds, after they reached the server and before its answer reaches the client. */
  loseAnswerTo(when: (bytes: Buffer) => boolean): Promise<void>;
  close(): Promise<void>;
}

/** `socketDirectory`: of a PostgreSQL on its default port. */
export async function proxyBefore(socketDirectory: string): Promise<Proxy> {
  let state: "open" | "cut" | "stalled" = "open";
  let trap: { readonly when: (bytes: Buffer) => boolean; readonly sprung: () => void } | undefined;
  const pairs = new Set<{ readonly client: Socket; readonly upstream: Socket }>();
  const server: Server = createServer((client) => {
    if (state === "cut") {
      client.destroy();
      return;
    }
    const upstream = createConnection(join(socketDirectory, ".s.PGSQL.5432"));
    const pair = { client, upstream };
    pairs.add(pair);
    let deaf = false;
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    client.on("data", (bytes: Buffer) => {
      if (state === "stalled" || deaf) return;
      if (trap?.when(bytes) === true) {
        const { sprung } = trap;
        trap = undefined;
        deaf = true;
        upstream.once("data", () => { end(); sprung(); });
      }
      upstream.write(bytes);
    });
    upstream.on("data", (bytes: Buffer) => { if (state !== "stalled" && !deaf) client.write(bytes); });
    for (const socket of [client, upstream]) socket.on("error", end).on("close", end);
  });
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  const endAll = (): void => { for (const { client, upstream } of pairs) { client.destroy(); upstream.destroy(); } };
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => { state = "cut"; endAll(); },
    stall: () => { state = "stalled"; },
    heal: () => {
      // What was swallowed is gone: those connections are out of step for ever.
      if (state === "stalled") endAll();
      state = "open";
    },
    loseAnswerTo: (when) => new Promise((resolve) => { trap = { when, sprung: resolve }; }),
    close: async () => {
      endAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
