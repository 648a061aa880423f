// Writes docs/api/openapi.json from the routes: `npm run openapi`. With `--check` it only
// says whether the file is as it would be written. A test says the same.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createApi, tableOf } from "../src/api/app.ts";
import { DEFAULT_LIMITS, LOOPBACK_HOSTS } from "../src/api/settings.ts";
import type { Database } from "../src/ports/database.ts";

const ROOT = join(import.meta.dirname, "..");

export const OPENAPI_FILE = join(ROOT, "docs", "api", "openapi.json");

/** The document as it is checked in: every endpoint, default limits. */
export async function openApiText(): Promise<string> {
  const nothing = (): undefined => undefined;
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  const app = await createApi({
    // The routes are only listed, never asked.
    database: { subscribe: () => nothing } as unknown as Database,
    clock: { now: () => 0, monotonic: () => 0, sleep: () => Promise.resolve() },
    random: { hex: (bytes) => "00".repeat(bytes), fraction: () => 0 },
    telemetry: { log: { debug: nothing, info: nothing, warn: nothing, error: nothing }, metrics: {} as never },
    metadata: { read: () => Promise.resolve(undefined) },
    metricsText: () => Promise.resolve(""),
    readiness: () => Promise.resolve({ ready: true, reasons: [] }),
    settings: { version, allowedHosts: LOOPBACK_HOSTS, disabledEndpoints: [], limits: DEFAULT_LIMITS, trial: false },
  });
  const { document } = tableOf(app);
  await app.close();
  return `${JSON.stringify(document, null, 2)}\n`;
}

if (import.meta.main) {
  const text = await openApiText();
  if (!process.argv.includes("--check")) {
    mkdirSync(dirname(OPENAPI_FILE), { recursive: true });
    writeFileSync(OPENAPI_FILE, text);
    console.log("wrote docs/api/openapi.json");
  } else if (readFileSync(OPENAPI_FILE, "utf8") !== text) {
    console.error("docs/api/openapi.json is not what the routes say; run `npm run openapi`");
    process.exitCode = 1;
  }
}
