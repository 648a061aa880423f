// The program `rstuf`.

import type { CliContext } from "../cli/context.ts";
import { runProgram } from "../cli/program.ts";
import { processEnvironment } from "../config/environment.ts";
import { systemClock, systemRandom } from "../drivers/clock/system/clock.ts";
import { programParts } from "./commands/tree.ts";
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

await runProgram(context, process.argv.slice(2), programParts(context));
