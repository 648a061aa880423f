// `npm run test:rotation`: a change of the online key with as many bins as there may be, under the eyes of clients
// that poll (fresh, returning, in flight), and killed at steps all through it.
//
//   npm run test:rotation -- --bins 16384 --kills 20 --sample 200 --minutes 15
//   npm run test:rotation -- --calls [--during root,keys,lostkey]    every call of these scenarios of the crash table meets every fault
//
// Every walk of a client reads `--sample` bins, others at each look; at the end all of them are looked at, and `fsck`
// runs. Kills come in an order that is spread over all steps whenever the time is up.

import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { everyCall } from "../crash/every-call.ts";
import { signedBy } from "../fakes/root-holders.ts";
import { assertDone, started, takeOver, type Trap } from "./changing.ts";

const number = (value: string): { type: "string"; default: string } => ({ type: "string", default: value });
const { values } = parseArgs({ options: { bins: number("16384"), kills: number("20"), sample: number("200"), minutes: number("15"), calls: { type: "boolean", default: false }, during: { type: "string", default: "root,keys,lostkey" } } });
const [bins, kills, sample, minutes] = [Number(values.bins), Number(values.kills), Number(values.sample), Number(values.minutes)];
const began = Date.now();
const tell = (what: string): void => void process.stdout.write(`${((Date.now() - began) / 1000).toFixed(0).padStart(4)} s  ${what}\n`);

if (values.calls) {
  const met = await everyCall(values.during.split(","), tell);
  tell(`${String(met)} faults, at every call: all came to their end, nobody was refused who should not be`);
} else {
  await killed();
}

/** One change of the key. Answers whether it was killed, and how many effects it took; `at`: the one it is killed at. */
async function rotate(at: number, when: Trap["when"]): Promise<Pick<Trap, "dead" | "count">> {
  const cpu = process.cpuUsage();
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
  const { user, system } = process.cpuUsage(cpu);
  const fate = trap.dead ? `killed ${when} effect ${String(at)}` : `not killed, ${String(trap.count)} effects`;
  tell(`${String(bins)} bins, ${fate}: ${String(clients.walks)} walks, 0 refused; CPU ${((user + system) / 1e6).toFixed(1)} s`);
  return trap;
}

async function killed(): Promise<void> {
  const { count: effects } = await rotate(Number.POSITIVE_INFINITY, "before");
  assert.ok(effects > 0);
  let done = 0;
  let longestMs = Date.now() - began;
  for (const kill of spread(kills)) {
    const start = Date.now();
    if (start - began + longestMs > minutes * 60_000) break;
    const { dead } = await rotate(1 + Math.floor((kill * effects) / kills), kill % 2 === 0 ? "before" : "after");
    assert.ok(dead, "it was to be killed");
    done += 1;
    longestMs = Math.max(longestMs, Date.now() - start);
  }
  const left = done === kills ? "" : `; ${String(kills - done)} more did not fit into ${String(minutes)} minutes (--minutes)`;
  tell(`${String(done + 1)} changes of the online key, ${String(done)} of them killed: nobody was refused${left}`);
  // What was asked for and left out is no success, unless most of it was done.
  if (done * 2 < kills) process.exitCode = 1;
}

/** 0 to `count` - 1, so that those that came are far apart at any time: by their binary digits, the last one first. */
function spread(count: number): readonly number[] {
  const digits = Math.ceil(Math.log2(Math.max(2, count)));
  const reversed = (value: number): number => Number.parseInt(value.toString(2).padStart(digits, "0").split("").reverse().join(""), 2);
  return Array.from({ length: 2 ** digits }, (_, at) => reversed(at)).filter((at) => at < count);
}
