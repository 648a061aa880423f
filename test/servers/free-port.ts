// A port for a program that cannot choose one itself and say which.

import { createServer, type AddressInfo } from "node:net";

/** Of loopback. Free a moment ago: whoever takes it first has it. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
