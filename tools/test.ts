// What `npm test` runs. `npm test -- 'src/tuf/*.test.ts' --test-name-pattern=rollback` runs less:
// arguments that begin with a dash go to Node's test runner, others replace the globs.
//
// Node's runner is content with globs that match nothing, files that end before their tests
// ran, and skipped tests. This is not: a file without a test, a skipped or todo test, or fewer
// tests than the floor below (on a full run) is a failure. The last line is the count.

import { spawn, type ChildProcess } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve as resolvePath } from "node:path";
import { offerServers } from "../test/servers/offer.ts";
import type { TestCounts } from "./test-counts.ts";

const root = dirname(import.meta.dirname);
/** Raise it as the suite grows; lowering it wants a reason in the commit. */
const TESTS_AT_LEAST = 4000;
/** A full run takes under six minutes on two quiet cores, and interop some ten; after this it hangs. */
const TIME_OUT_MS = 25 * 60_000;
/** So many processes with tests at a time. */
const CONCURRENCY = 2;
/** Each test file is a process, and many start others: what one compiled the next ones read (a fifth of the whole run). */
const COMPILED = join(root, "node_modules/.cache/rstuf/compiled");
/** All there are, so that none is forgotten, but for interop, which installs other programs: `npm run test:interop`. */
const GLOBS = ["src/**/*.test.ts", "test/**/*.test.ts"];
const APART = "test/interop/**";
/** Outside of any suite: for every test of the process. */
const HOOK = /^(before|after)(Each)?\(/m;

const flags = process.argv.slice(2).filter((argument) => argument.startsWith("-"));
const globs = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
let groupsRun = 0;
const whole = flags.length === 0 && globs.length === 0;
const files = globSync(whole || globs.length === 0 ? GLOBS : globs, { cwd: root, exclude: globs.length === 0 ? [APART] : [] })
  .map((file) => resolvePath(root, file))
  .sort();

const folder = mkdtempSync(join(tmpdir(), "rstuf-test-"));
const servers = offerServers();
const running = new Set<ChildProcess>();
const faults: string[] = [];
const total = { passed: 0, failed: 0, skipped: 0 };
const ran = new Set<string>();

const stopping = new AbortController();
stopping.signal.addEventListener("abort", () => {
  faults.push(String(stopping.signal.reason));
  // The whole group: also what a test started and forgot.
  for (const child of running) if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
});
const timer = setTimeout(() => { stopping.abort(`the run did not end within ${String(TIME_OUT_MS / 60_000)} minutes`); }, TIME_OUT_MS);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => { stopping.abort(`the run was stopped (${signal})`); });

if (files.length === 0) faults.push("no test file matches");
const groups = grouped(files);
await Promise.all(Array.from({ length: CONCURRENCY }, async () => {
  for (let group = groups.shift(); group !== undefined && !stopping.signal.aborted; group = groups.shift()) await runGroup(group);
}));
clearTimeout(timer);
await servers.end();
rmSync(folder, { recursive: true, force: true });

if (total.skipped > 0) faults.push(`${total.skipped} tests were skipped or are to do`);
if (whole && total.passed < TESTS_AT_LEAST) faults.push(`only ${total.passed} tests passed, expected at least ${TESTS_AT_LEAST}`);
if (flags.length === 0 && faults.length === 0) {
  for (const file of files) if (!ran.has(file)) faults.push(`no test ran in ${relative(root, file)}`);
}
for (const fault of faults) process.stdout.write(`FAILED: ${fault}\n`);
process.stdout.write(`${total.passed} passed, ${total.failed + faults.length} failed\n`);
process.exitCode = total.failed + faults.length === 0 ? 0 : 1;

/**
 * What runs in one process: each file of test/ by itself, for many of them start servers or end processes; those of src/
 * by their room, for loading the program again takes longer than most of them, but for those whose hooks would run for
 * the tests of the others, too. The long ones, in test/, come first.
 */
function grouped(files: readonly string[]): string[][] {
  const groups = new Map<string, string[]>();
  for (const file of files) {
    const [top, room] = relative(root, file).split("/");
    const together = top === "src" && room !== undefined && !HOOK.test(readFileSync(file, "utf8"));
    const key = together ? `2 ${room}` : `1 ${file}`;
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

/** Runs the files and counts what they said; its output comes whole when they have ended. */
function runGroup(group: readonly string[]): Promise<void> {
  const counted = join(folder, `${groupsRun++}.json`);
  const child = spawn(
    process.execPath,
    [
      "--test", "--test-force-exit", "--test-isolation=none",
      "--test-reporter=spec", "--test-reporter-destination=stdout",
      `--test-reporter=${join(import.meta.dirname, "test-counts.ts")}`, `--test-reporter-destination=${counted}`,
      ...flags, ...group,
    ],
    { cwd: root, stdio: ["ignore", "pipe", "pipe"], detached: true, env: { ...process.env, NODE_COMPILE_CACHE: COMPILED, ...servers.environment } },
  );
  running.add(child);
  const said: Buffer[] = [];
  for (const output of [child.stdout, child.stderr]) output.on("data", (bytes: Buffer) => said.push(bytes));
  return new Promise((resolve) => {
    const done = (fault: string | undefined): void => {
      running.delete(child);
      process.stdout.write(Buffer.concat(said));
      const counts = read(counted);
      total.passed += counts.passed;
      total.failed += counts.failed;
      total.skipped += counts.skipped;
      // A test that a file takes from elsewhere is that file's, which is the only one of its process.
      for (const file of group.length === 1 && Object.keys(counts.files).length > 0 ? group : Object.keys(counts.files)) ran.add(file);
      if (fault !== undefined) faults.push(`${group.map((file) => relative(root, file)).join(" ")}: ${fault}`);
      resolve();
    };
    child.once("error", (error) => { done(`the test runner did not start: ${error.message}`); });
    child.once("close", (code, signal) => {
      if (signal !== null) done(`stopped (${signal})`);
      else done(code === 0 || read(counted).failed > 0 ? undefined : `the test runner ended with ${String(code)}`);
    });
  });
}

function read(file: string): TestCounts {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as TestCounts;
  } catch {
    return { passed: 0, failed: 0, skipped: 0, files: {} };
  }
}
