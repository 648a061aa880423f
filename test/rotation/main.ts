// `npm run test:rotation`: a change of the online key with as many bins as there may be, under the eyes of clients
// that poll (fresh, returning, in flight), and killed at steps all through it.
//
//   npm run test:rotation -- --bins 16384 --kills 20 --sample 200
//
// The short form, 8 bins and every step, runs in `npm test` (rotation.test.ts). Every walk of a client reads
// `--sample` bins, others each time; at the end all of them are looked at, and `fsck` runs.

import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { signedBy } from "../fakes/root-holders.ts";
import { assertDone, started, takeOver, type Trap } from "./changing.ts";

const number = (value: string): { type: "string"; default: string } => ({ type: "string", default: value });
const { values } = parseArgs({ options: { bins: number("16384"), kills: number("20"), sample: number("200") } });
const [bins, kills, sample] = [Number(values.bins), Number(values.kills), Number(values.sample)];

/** Answers how many effects it took; `at`: the one it is killed at. */
async function rotate(at: number, when: Trap["when"]): Promise<number> {
  const began = process.cpuUsage();
  const trap: Trap = { at, when, count: 0, dead: false, armed: false };
  const { stage, clients, next } = await started(bins, trap, sample);
  const task = await stage.update(signedBy(stage.plan(2, { online: next }), stage.holders[0]!));
  try {
    await stage.settleAll();
  } catch (error) {
    if (!trap.dead) throw error;
    await takeOver(stage);
  }
  await assertDone(stage, clients, task, next, bins);
  const { user, system } = process.cpuUsage(began);
  const fate = trap.dead ? `killed ${when} effect ${String(at)}` : `not killed, ${String(trap.count)} effects`;
  process.stdout.write(`${String(bins)} bins, ${fate}: ${String(clients.walks)} walks, 0 refused; CPU ${((user + system) / 1e6).toFixed(1)} s\n`);
  return trap.count;
}

const effects = await rotate(Number.POSITIVE_INFINITY, "before");
assert.ok(effects > 0);
for (let kill = 0; kill < kills; kill++) await rotate(1 + Math.floor((kill * effects) / kills), kill % 2 === 0 ? "before" : "after");
process.stdout.write(`${String(kills + 1)} changes of the online key, ${String(kills)} of them killed: nobody was refused\n`);
