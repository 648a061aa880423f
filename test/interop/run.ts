// What `npm run test:interop` runs: other people's TUF clients against the real service.
//
// `npm run test:interop -- 'test/interop/large.test.ts'` runs less. The last line is the
// count; a client that cannot be installed is a failure, never a skip.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { install, InstallError } from "./install.ts";

const root = join(import.meta.dirname, "..", "..");
const chosen = process.argv.slice(2);

try {
  install((line) => process.stdout.write(`${line}\n`));
  process.exitCode = await runTests(chosen.some((argument) => !argument.startsWith("-")) ? chosen : ["test/interop/*.test.ts", ...chosen]);
} catch (error) {
  if (!(error instanceof InstallError)) throw error;
  process.stdout.write(`FAILED: ${error.message}\n0 passed, 1 failed\n`);
  process.exitCode = 1;
}

/** The project's test runner fails on skipped tests and on files without any. */
function runTests(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [join(root, "tools", "test.ts"), ...args], { cwd: root, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}
