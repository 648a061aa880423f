// The program `rstuf`.

import { join } from "node:path";
import type { CliContext } from "../cli/context.ts";
import { runProgram } from "../cli/program.ts";
import { processEnvironment } from "../config/environment.ts";
import { systemClock } from "../drivers/clock/system/clock.ts";
import { adminCommand } from "./commands/admin.ts";
import { serveCommand } from "./commands/serve.ts";
import { VERSION } from "./version.ts";

const environment = processEnvironment();
const context: CliContext = {
  stdout: process.stdout,
  stderr: process.stderr,
  env: (name) => environment[name],
  cwd: process.cwd(),
  isTty: process.stderr.isTTY,
  clock: systemClock,
  version: VERSION,
  setExitCode: (code) => { process.exitCode = code; },
};

await runProgram(context, process.argv.slice(2), {
  extraCommands: [serveCommand(context), adminCommand(context)],
  openDatabase: async (dataDir) => {
    const { openSqlite } = await import("../drivers/database/sqlite/sqlite.ts");
    const database = await openSqlite({ file: join(dataDir, "rstuf.db") });
    return { database, close: () => database.close() };
  },
});
