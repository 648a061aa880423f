// The program `rstuf`.

import type { CliContext } from "../cli/context.ts";
import { runProgram } from "../cli/program.ts";
import type { CommandNode } from "../cli/tree.ts";
import { processEnvironment } from "../config/environment.ts";
import { systemClock, systemRandom } from "../drivers/clock/system/clock.ts";
import { interruption } from "./interruption.ts";
import { VERSION } from "./version.ts";

const environment = processEnvironment();
const context: CliContext = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: (name) => environment[name],
  cwd: process.cwd(),
  isTty: process.stderr.isTTY,
  isStdoutTty: process.stdout.isTTY,
  canAsk: process.stdin.isTTY && process.stderr.isTTY,
  columns: () => (process.stdout.isTTY ? process.stdout.columns : process.stderr.columns) || 80,
  clock: systemClock,
  fraction: () => systemRandom.fraction(),
  version: VERSION,
  interruption,
  setExitCode: (code) => { process.exitCode = code; },
};

const commands: readonly CommandNode[] = [
  { name: "serve", summary: "run the service: API, publisher and metadata on one port", load: async () => (await import("./commands/serve.ts")).serveCommand },
  { name: "api", summary: "run the REST API alone, one of many, on PostgreSQL", load: async () => (await import("./commands/scaled-out.ts")).apiCommand },
  { name: "worker", summary: "run the publisher alone, one of many, on PostgreSQL", load: async () => (await import("./commands/scaled-out.ts")).workerCommand },
];

const adminCommands: readonly CommandNode[] = [
  { name: "backup", summary: "copy database and metadata, while the service runs or not", load: async () => (await import("./commands/admin.ts")).backupCommand },
  { name: "restore", summary: "make a data directory from a backup", load: async () => (await import("./commands/admin.ts")).restoreCommand },
  { name: "recover", summary: "go on after the database went back in time", load: async () => (await import("./commands/admin.ts")).recoverCommand },
  { name: "advise", summary: "how many bins the repository is best cut into", load: async () => (await import("./commands/advise.ts")).adviseCommand },
  { name: "adopt", summary: "take over a published repository, such as one of the Python implementation", load: async () => (await import("./commands/admin.ts")).adoptCommand },
  { name: "migrate", summary: "move the metadata to a folder or bucket, the state to PostgreSQL", load: async () => (await import("./commands/admin.ts")).migrateCommand },
];

await runProgram(context, process.argv.slice(2), {
  commands,
  adminCommands,
  rehearse: async (dataDir) => (await import("./rehearsal.ts")).startRehearsal(dataDir),
  openService: async (place) => (await import("./admin/open-service.ts")).openService(context, place),
});
