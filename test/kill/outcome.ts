// What became of everything that was sent while the service died again and again, and how a run tells it.

import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openClient } from "../../src/main/client.ts";
import { taskState, type Sender } from "./load.ts";
import type { visit } from "./visitors.ts";

export interface Outcome {
  readonly accepted: number;
  /** Sent again with their key. */
  readonly resent: number;
  /** Accepted changes that are not visible as they should be, told. */
  readonly lost: readonly string[];
  /** Tasks without an end, or with another end than SUCCESS. */
  readonly stuck: readonly string[];
  readonly refusedRequests: readonly string[];
  readonly refreshes: number;
  /** Of clients. */
  readonly refusals: readonly string[];
}

export interface Life {
  /** Where the service answers, or undefined while it is down. */
  readonly origin: () => string | undefined;
  readonly metadataUrl: string;
  readonly root: Uint8Array;
  readonly folder: string;
  readonly senders: readonly Sender[];
  readonly visits: ReturnType<typeof visit>;
  /** How long tasks may take to end, all together. */
  readonly endsWithinMs: number;
}

/** After the load, and the last repair. */
export async function outcomeOf(life: Life): Promise<Outcome> {
  const { metadataUrl, root, folder, senders } = life;
  const tasks = senders.flatMap(({ sent }) => sent);
  const stuck = await unended(life);
  const lost = await missing(metadataUrl, root, folder, senders);
  return {
    accepted: tasks.length, resent: tasks.reduce((sum, { resends }) => sum + resends, 0), lost, stuck,
    refusedRequests: senders.flatMap(({ refused }) => refused), ...(await life.visits),
  };
}

async function unended({ origin, senders, endsWithinMs }: Life): Promise<string[]> {
  const stuck: string[] = [];
  const until = performance.now() + endsWithinMs;
  for (const { task } of senders.flatMap(({ sent }) => sent)) {
    let seen = await taskState(origin() ?? "", task);
    while (!["SUCCESS", "FAILURE", "ERRORED"].includes(seen.state) && performance.now() < until) {
      await sleep(50);
      seen = await taskState(origin() ?? "", task);
    }
    if (seen.state !== "SUCCESS") stuck.push(seen.text);
  }
  return stuck;
}

/** The last word on each path of each sender, against what a fresh client finds. */
export async function missing(url: string, root: Uint8Array, folder: string, senders: readonly Sender[]): Promise<string[]> {
  const client = await openClient({ metadataUrl: url, trust: { root }, cacheDir: mkdtempSync(join(folder, "last-")) });
  await client.refresh();
  const lost: string[] = [];
  for (const { expected } of senders) {
    for (const [path, length] of expected) {
      const found = await client.find(path);
      if (found?.target.length !== length) lost.push(`${path} should be ${length === undefined ? "absent" : String(length)} and is ${found === undefined ? "absent" : String(found.target.length)}`);
    }
  }
  return lost;
}

export const row = (what: string, value: string | number): void => { process.stdout.write(`${what.padEnd(44)}${String(value)}\n`); };

/** `unsound`: what fsck said when it was not content. */
export function tellOutcome(outcome: Outcome, unsound: readonly string[]): void {
  row("requests accepted", outcome.accepted);
  row("requests sent again with their key", outcome.resent);
  row("lost, or not as accepted", outcome.lost.length);
  row("tasks without a good end", outcome.stuck.length);
  row("refreshes of clients", outcome.refreshes);
  row("refusals of clients", outcome.refusals.length);
  row("fsck with the database", unsound.length === 0 ? "sound" : "not sound");
}

export function faultsOf(outcome: Outcome, unsound: readonly string[]): string[] {
  const lists = { lost: outcome.lost, stuck: outcome.stuck, "requests refused": outcome.refusedRequests, "clients refused": outcome.refusals, "faults of fsck": unsound };
  return Object.entries(lists).flatMap(([what, list]) => (list.length === 0 ? [] : [`${String(list.length)} ${what}: ${list.slice(0, 5).join("; ")}`]));
}

/** The last lines of a run, and its exit code. */
export function end(faults: readonly string[]): never {
  for (const fault of faults) process.stdout.write(`FAILED: ${fault}\n`);
  process.exit(faults.length === 0 ? 0 : 1);
}
