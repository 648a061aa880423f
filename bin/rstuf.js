#!/usr/bin/env node
// Starts the program on a Node that can run it.
//
// Plain JavaScript, and no static import of the program: an older Node must get as far as
// the check below. When the running Node is too old, the pinned one takes over.

import { existsSync } from "node:fs";
import * as module from "node:module";
import { fileURLToPath } from "node:url";
import { isNewEnough, newEnoughNode, NO_NODE, takeOver } from "./pinned-node.js";

const node = newEnoughNode();
if (isNewEnough) await start();
else if (node !== undefined) takeOver(node, [...process.execArgv, fileURLToPath(import.meta.url), ...process.argv.slice(2)]);
else {
  process.stderr.write(NO_NODE);
  process.exitCode = 1;
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
