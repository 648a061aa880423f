// Writes docs/api/openapi.json from the routes, and from that the types of the SDK:
// `npm run openapi`. With `--check` it only says whether the files are as they would be
// written. Tests say the same.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createApi, tableOf } from "../src/api/app.ts";
import { DEFAULT_LIMITS, LOOPBACK_HOSTS } from "../src/api/settings.ts";
import type { Database } from "../src/ports/database.ts";
import { SDK_ANSWERS_FILE, SDK_TYPES_FILE, sdkAnswersText, sdkTypesText } from "./sdk-types.ts";

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
  const files = [
    { name: "docs/api/openapi.json", path: OPENAPI_FILE, text },
    { name: "src/sdk/api-types.ts", path: SDK_TYPES_FILE, text: sdkTypesText(JSON.parse(text)) },
    { name: "src/sdk/api-answers.ts", path: SDK_ANSWERS_FILE, text: sdkAnswersText(JSON.parse(text)) },
  ];
  for (const file of files) {
    if (!process.argv.includes("--check")) {
      mkdirSync(dirname(file.path), { recursive: true });
      writeFileSync(file.path, file.text);
      console.log(`wrote ${file.name}`);
    } else if (readFileSync(file.path, "utf8") !== file.text) {
      console.error(`${file.name} is not what the routes say; run \`npm run openapi\``);
      process.exitCode = 1;
    }
  }
}
