// A TCP proxy before a server, that a test can cut, stall, make swallow one answer, or hold at any message.

import { createConnection, createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

export interface Proxy {
  readonly port: number;
  /** Ends every connection, and refuses new ones while it is `cut`. */
  cut(): void;
  /** Passes nothing on in either direction, and tells nobody: a network that lost its way. */
  stall(): void;
  heal(): void;
  /** Ends the connection that next sends bytes for which `when` holds, after they reached the server and before its answer reaches the client. */
  loseAnswerTo(when: (bytes: Buffer) => boolean): Promise<void>;
  /** Sees every message of a client before it is passed on; those after it on that connection wait until what it answers resolves. */
  gate: ((bytes: Buffer) => Promise<void> | undefined) | undefined;
  close(): Promise<void>;
}

/** `target`: the path of its socket, or its port on this machine. */
export async function proxyBefore(target: string | number): Promise<Proxy> {
  let state: "open" | "cut" | "stalled" = "open";
  let trap: { readonly when: (bytes: Buffer) => boolean; readonly sprung: () => void } | undefined;
  const pairs = new Set<{ readonly client: Socket; readonly upstream: Socket }>();
  const server: Server = createServer((client) => {
    if (state === "cut") {
      client.destroy();
      return;
    }
    const upstream = typeof target === "string" ? createConnection(target) : createConnection(target, "127.0.0.1");
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
      const held = proxy.gate?.(bytes);
      if (held === undefined) {
        upstream.write(bytes);
        return;
      }
      client.pause();
      void held.then(() => {
        upstream.write(bytes);
        client.resume();
      });
    });
    upstream.on("data", (bytes: Buffer) => { if (state !== "stalled" && !deaf) client.write(bytes); });
    for (const socket of [client, upstream]) socket.on("error", end).on("close", end);
  });
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  const endAll = (): void => { for (const { client, upstream } of pairs) { client.destroy(); upstream.destroy(); } };
  const proxy: Proxy = {
    gate: undefined,
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
  return proxy;
}
