// What `npm test` runs. `npm test -- 'src/tuf/*.test.ts' --test-name-pattern=rollback` runs less:
// arguments that begin with a dash go to Node's test runner, others replace the globs.
//
// Node's runner is content with globs that match nothing, files that end before their tests
// ran, and skipped tests. This is not: a file without a test, a skipped or todo test, or fewer
// tests than the floor below (on a full run) is a failure. The last line is the count.

import { spawn } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve as resolvePath } from "node:path";
import { offerServers } from "../test/servers/offer.ts";
import type { TestCounts } from "./test-counts.ts";

const root = dirname(import.meta.dirname);
/** Raise it as the suite grows; lowering it wants a reason in the commit. */
const TESTS_AT_LEAST = 1000;
/** A full run takes under six minutes on two cores; after this it hangs. */
const TIME_OUT_MS = 15 * 60_000;
/** Two files at a time also where Node would take the cores minus one. */
const CONCURRENCY = 2;
/** Each test file is a process, and many start others: what one compiled the next ones read (a fifth of the whole run). */
const COMPILED = join(root, "node_modules/.cache/rstuf/compiled");
/** All there are, so that none is forgotten, but for interop, which installs other programs: `npm run test:interop`. */
const GLOBS = ["src/**/*.test.ts", "test/**/*.test.ts"];
const APART = "test/interop/**";

const flags = process.argv.slice(2).filter((argument) => argument.startsWith("-"));
const globs = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
const whole = flags.length === 0 && globs.length === 0;
const files = globSync(whole || globs.length === 0 ? GLOBS : globs, { cwd: root, exclude: globs.length === 0 ? [APART] : [] })
  .map((file) => resolvePath(root, file))
  .sort();

const folder = mkdtempSync(join(tmpdir(), "rstuf-test-"));
const servers = offerServers();
const ended = files.length === 0 ? "no test file matches" : await run();
await servers.end();
const counts = read();
rmSync(folder, { recursive: true, force: true });

const faults: string[] = [];
if (ended !== "ended") faults.push(ended);
if (counts.skipped > 0) faults.push(`${counts.skipped} tests were skipped or are to do`);
if (whole && counts.passed < TESTS_AT_LEAST) faults.push(`only ${counts.passed} tests passed, expected at least ${TESTS_AT_LEAST}`);
if (flags.length === 0 && ended === "ended") {
  for (const file of files) if (!(file in counts.files)) faults.push(`no test ran in ${relative(root, file)}`);
}
for (const fault of faults) process.stdout.write(`FAILED: ${fault}\n`);
process.stdout.write(`${counts.passed} passed, ${counts.failed + faults.length} failed\n`);
process.exitCode = counts.failed + faults.length === 0 ? 0 : 1;

/** Resolves to "ended", whatever the tests said, or to what went wrong with the run itself. */
function run(): Promise<string> {
  const child = spawn(
    process.execPath,
    [
      "--test", "--test-force-exit", `--test-concurrency=${CONCURRENCY}`,
      "--test-reporter=spec", "--test-reporter-destination=stdout",
      `--test-reporter=${join(import.meta.dirname, "test-counts.ts")}`, `--test-reporter-destination=${join(folder, "counts.json")}`,
      ...flags, ...files,
    ],
    { cwd: root, stdio: "inherit", detached: true, env: { ...process.env, NODE_COMPILE_CACHE: COMPILED, ...servers.environment } },
  );
  const end = (): void => {
    // The whole group: also what a test started and forgot.
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  };
  const timer = setTimeout(end, TIME_OUT_MS);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, end);
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(`the test runner did not start: ${error.message}`));
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      resolve(signal === null ? (code === 0 || counted() ? "ended" : `the test runner ended with ${String(code)}`) : `the run was stopped (${signal})`);
    });
  });
}

function counted(): boolean {
  return read().failed > 0;
}

function read(): TestCounts {
  try {
    return JSON.parse(readFileSync(join(folder, "counts.json"), "utf8")) as TestCounts;
  } catch {
    return { passed: 0, failed: 0, skipped: 0, files: {} };
  }
}
