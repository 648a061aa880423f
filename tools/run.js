// `node tools/run.js SCRIPT ARGS`: runs a script of this checkout on a Node that can, which
// the Node that npm was started with may not be (npm 10 and older do not link the pinned one).

import { newEnoughNode, NO_NODE, takeOver } from "../bin/pinned-node.js";

const node = newEnoughNode();
if (node === undefined) {
  process.stderr.write(NO_NODE);
  process.exitCode = 1;
} else takeOver(node, process.argv.slice(2));
