// npm run test:offline-targets: a publisher dies before and after every step of what people sign of targets.

import { FLOWS, run } from "./offline-kills.ts";

for (const flow of FLOWS) {
  const steps = await run(flow, Number.POSITIVE_INFINITY, "before");
  for (let at = 1; at <= steps; at++) {
    for (const when of ["before", "after"] as const) {
      await run(flow, at, when).catch((error: unknown) => {
        throw new Error(`${flow.name}: killed ${when} step ${String(at)} of ${String(steps)}`, { cause: error });
      });
    }
  }
  process.stdout.write(`${flow.name}: ${String(steps)} steps, died before and after each\n`);
}
