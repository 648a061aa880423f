// What `rstuf serve`, `rstuf api` and `rstuf worker` do: configuration, start, trial bootstrap, and an orderly end.

import { existsSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { CliContext } from "../cli/context.ts";
import { processEnvironment, type Environment } from "../config/environment.ts";
import { ConfigError, loadConfig, printable } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { createLog } from "../drivers/telemetry/pino/log.ts";
import { systemClock, systemRandom } from "../drivers/clock/system/clock.ts";
import { AppError, reasonOf } from "../lib/app-error.ts";
import { bootstrap } from "../operations/bootstrap.ts";
import { readBootstrapState } from "../operations/bootstrap-state.ts";
import { createOwners } from "../operations/owners.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import type { ServeOptions } from "./serve-options.ts";
import { startService, type Part, type Service } from "./service.ts";
import { apiSettingsOf } from "./settings.ts";
import { rootKeyFile, trialBootstrap } from "./trial.ts";
import { trialWords, type TrialFacts } from "./trial-words.ts";
import { VERSION } from "./version.ts";

/** How long an ordinary end may take before the process ends all the same; a crash loses nothing either. */
const STOP_MS = 4_500;

export async function serve(context: CliContext, part: Part, options: ServeOptions): Promise<number> {
  const stopped = untilStopped();
  try {
    const environment = processEnvironment();
    const { config, warnings } = loadConfig({ flags: flagsOf(options, environment), configFile: options.config, environment, cwd: context.cwd, purpose: part === "worker" ? "no-api" : "api" });
    const log = createLog({ level: config.log.level });
    for (const warning of warnings) log.warn({ warning }, "read configuration with a warning");
    log.info({ version: VERSION, ...printable(config) }, "read configuration");

    if (part !== "serve" && config.database.url === undefined) throw new AppError("no-shared-database", `rstuf ${part} runs beside others, on one PostgreSQL: set database.url, or run rstuf serve`);
    const trial = options.trial === true;
    const service = await startService({ part, config, version: VERSION, trial, died: stopped.died });
    try {
      const facts = trial ? await startTrial(context, config, service) : undefined;
      context.stdout.write(options.json === true ? readyJson(service, facts) : readyWords(service, facts));
      const end = await stopped.promise;
      log.info({ reason: end instanceof Error ? reasonOf(end) : end }, "ending");
      return end instanceof Error ? 1 : 0;
    } finally {
      setTimeout(() => process.exit(1), STOP_MS).unref();
      await service.stop();
    }
  } catch (error) {
    context.stderr.write(`${failureOf(error)}\n`);
    return 1;
  }
}

/** One sentence for what the operator can put right; the stack for what is a fault of ours. */
function failureOf(error: unknown): string {
  if (error instanceof ConfigError) return error.message;
  if (error instanceof AppError) return `rstuf: ${error.message}`;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE") return `rstuf: the port is taken: ${reasonOf(error)}. Choose another with --port, or 0 for any free one`;
  if (code === "EACCES" || code === "EPERM" || code === "EADDRNOTAVAIL") return `rstuf: ${reasonOf(error)}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function flagsOf(options: ServeOptions, environment: Environment): Record<string, string | boolean | undefined> {
  // A trial talks to a person: its log keeps quiet unless something is wrong, or asked for.
  const quiet = options.trial === true && options.config === undefined && environment["RSTUF_LOG_LEVEL"] === undefined;
  return {
    "log.level": quiet ? "warn" : undefined,
    dataDir: options.dataDir,
    "server.host": options.host,
    "server.port": options.port,
    keyDir: options.keyDir,
    "worker.listen": options.listen,
    "trial.bins": options.bins,
    "api.allowUnauthenticatedWritesFromTheNetwork": options.allowUnauthenticatedWritesFromTheNetwork,
  };
}

function readyWords(service: Service, facts: TrialFacts | undefined): string {
  const metadata = service.metadataOrigin === undefined ? "" : `metadata ${service.metadataOrigin}/metadata/\n`;
  return `${facts === undefined ? "" : trialWords(facts)}${metadata}ready ${service.origin ?? "worker"}\n`;
}

function readyJson({ origin, metadataOrigin, paths }: Service, facts: TrialFacts | undefined): string {
  const metadata = metadataOrigin ?? origin;
  return `${JSON.stringify({ ready: origin ?? "worker", ...(metadata === undefined ? {} : { metadata: `${metadata}/metadata/` }), trustedRoot: paths.trustedRoot, database: paths.database, ...(facts === undefined ? {} : { files: facts.filesDir, rootKeyFile: facts.rootKeyFile }) })}\n`;
}

/** Bootstraps the trial repository on its first start; answers what to tell about it. */
async function startTrial(context: CliContext, config: Config, service: Service): Promise<TrialFacts> {
  const { database, paths } = service;
  const state = await readBootstrapState(database);
  if (state.name === "None") {
    const { limits } = apiSettingsOf(config, VERSION, true);
    const request = await trialBootstrap(config, systemClock.now());
    const { taskId } = await bootstrap({ database, clock: systemClock, random: systemRandom, owners: createOwners(database), limits }, request as unknown as Parameters<typeof bootstrap>[1]);
    await bootstrapped(database, taskId);
  } else if (state.name === "pre" && state.taskId !== undefined) await bootstrapped(database, state.taskId);
  const root = await database.envelope("root", 1);
  const bins = await database.setting("number_of_delegated_bins");
  return {
    origin: service.origin ?? "",
    dataDir: config.dataDir,
    metadataDir: paths.metadata,
    filesDir: paths.files,
    trustedRoot: paths.trustedRoot,
    rootKeyFile: root === undefined ? undefined : rootKeyFile(config, parseEnvelope(root.bytes, "root").signed),
    bins: Number(bins),
    cwd: context.cwd,
    program: programFrom(context.cwd),
  };
}

/** How the program is called from `cwd`: in a checkout by its launcher, else by its name. */
function programFrom(cwd: string): string {
  const launcher = fileURLToPath(new URL("../../rstuf", import.meta.url));
  if (!existsSync(launcher)) return "rstuf";
  const near = relative(cwd, launcher);
  return near.startsWith("..") ? launcher : `./${near}`;
}

/** Resolves when the bootstrap task ended well. */
async function bootstrapped(database: Service["database"], taskId: string): Promise<void> {
  for (;;) {
    const task = await database.getTask(taskId);
    if (task?.result?.state === "SUCCESS") return;
    if (task?.result !== undefined) throw new Error(`the trial bootstrap failed: ${task.result.error ?? task.result.message}`);
    await new Promise<void>((resolve) => {
      const unsubscribe = database.subscribe("visible", done);
      const timer = setTimeout(done, 500);
      function done(): void {
        unsubscribe();
        clearTimeout(timer);
        resolve();
      }
    });
  }
}

/** A signal, or the end of a part without which the service is nothing. */
function untilStopped(): { readonly promise: Promise<string | Error>; readonly died: (error: Error) => void } {
  const { promise, resolve } = Promise.withResolvers<string | Error>();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => { resolve(signal); });
  return { promise, died: resolve };
}
