// A service for as long as a rehearsal of a ceremony lasts: on loopback, on a free port, quiet.

import { loadConfig } from "../config/load.ts";
import { startService } from "./service.ts";
import { VERSION } from "./version.ts";

export async function startRehearsal(dataDir: string): Promise<{ readonly origin: string } & AsyncDisposable> {
  const flags = { dataDir, "server.port": "0", "log.level": "fatal" };
  const { config } = loadConfig({ flags, configFile: undefined, environment: {}, cwd: dataDir });
  const service = await startService({ part: "serve", config, version: VERSION, trial: false, died: () => undefined });
  if (service.origin === undefined) throw new Error("a service with an API has an address");
  return { origin: service.origin, [Symbol.asyncDispose]: () => service.stop() };
}
