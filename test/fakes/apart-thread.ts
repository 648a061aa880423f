// The other side of apart.ts.

import { parentPort, workerData } from "node:worker_threads";

const { module, name, args } = workerData as { readonly module: string; readonly name: string; readonly args: readonly unknown[] };
const exported = (await import(module)) as Record<string, (...args: readonly unknown[]) => unknown>;
const call = exported[name];
if (call === undefined) throw new Error(`${module} exports no ${name}`);
parentPort?.postMessage(await call(...args));
