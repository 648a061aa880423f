// SIGKILL of the real service under load, again and again, and what became of everything.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openClient } from "../../src/main/client.ts";
import { send, taskState, type Sender } from "./load.ts";
import { faultsIn, startService, STEPS, type ServiceProcess, type Step } from "./service.ts";
import { serveFolder, visit } from "./visitors.ts";

export interface KillOptions {
  readonly kills: number;
  readonly bins: number;
  readonly senders: number;
  readonly onKill?: (kill: number, step: Step | undefined) => void;
}

export interface Figures {
  readonly kills: number;
  readonly inside: Readonly<Record<Step, number>>;
  readonly between: number;
  readonly accepted: number;
  readonly resent: number;
  readonly paths: number;
  /** Accepted changes that are not visible as they should be, told. */
  readonly lost: readonly string[];
  /** Tasks without an end, or with another end than SUCCESS. */
  readonly stuck: readonly string[];
  readonly refusedRequests: readonly string[];
  readonly refreshes: number;
  readonly refusals: readonly string[];
  /** What fsck said when it was not content. */
  readonly unsound: string;
  readonly seconds: number;
}

const LEASE_MS = 3_000;
/** How long a start may take to publish: start, the dead one's lease, and the poll for it. */
const PUBLISHES_WITHIN_MS = 30_000;

export async function killAgainAndAgain(options: KillOptions): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), "rstuf-kill-"));
  const dataDir = join(folder, "data");
  const began = performance.now();
  const over = new AbortController();
  let service: ServiceProcess | undefined;
  try {
    service = await startService(dataDir, options.bins, LEASE_MS);
    let origin: string | undefined = service.origin;
    const root = readFileSync(join(dataDir, "metadata", "1.root.json"));
    const web = await serveFolder(join(dataDir, "metadata"));
    const known: string[] = [];
    const visits = visit(web.url, root, folder, () => known, over.signal);
    const senders = Array.from({ length: options.senders }, (_, n) => send(`sender-${String(n)}`, () => origin, over.signal));

    const inside = Object.fromEntries(STEPS.map((step) => [step, 0])) as Record<Step, number>;
    let between = 0;
    for (let kill = 1; kill <= options.kills; kill++) {
      await untilDueToDie(service, rarest(inside), kill);
      origin = undefined;
      const step = await service.kill();
      if (step === undefined) between++;
      else inside[step]++;
      options.onKill?.(kill, step);
      service = await startService(dataDir, options.bins, LEASE_MS);
      origin = service.origin;
    }
    await untilStep(service, () => true);
    over.abort();
    const sent = await Promise.all(senders);
    const stuck = await unended(service.origin, sent);
    const lost = await missing(web.url, root, folder, sent);
    const { refreshes, refusals } = await visits;
    await service.stop();
    const unsound = await faultsIn(dataDir);
    web.close();
    const tasks = sent.flatMap((sender) => sender.sent);
    return {
      kills: options.kills, inside, between, accepted: tasks.length, resent: tasks.reduce((sum, { resends }) => sum + resends, 0),
      paths: sent.reduce((sum, { expected }) => sum + expected.size, 0), lost, stuck, refusedRequests: sent.flatMap(({ refused }) => refused),
      refreshes, refusals, unsound, seconds: (performance.now() - began) / 1000,
    };
  } finally {
    over.abort();
    service?.child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

const rarest = (inside: Readonly<Record<Step, number>>): Step => STEPS.reduce((rare, step) => (inside[step] < inside[rare] ? step : rare));

/** Resolves when `matches` accepts the step that the publisher enters. */
function untilStep(service: ServiceProcess, matches: (step: Step | undefined) => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (matched: boolean): void => {
      clearTimeout(timer);
      service.onStep(undefined);
      resolve(matched);
    };
    const timer = setTimeout(() => { done(false); }, PUBLISHES_WITHIN_MS);
    service.onStep((step) => { if (matches(step)) done(true); });
  });
}

/** A random moment; of every four kills three are aimed at the step that was hit least, a random while after it began. */
async function untilDueToDie(service: ServiceProcess, step: Step, kill: number): Promise<void> {
  // A few batches pass first: what follows is not always the first one after a start.
  for (let batches = Math.floor(Math.random() * 6); batches >= 0; batches--) {
    if (!(await untilStep(service, (entered) => entered === "cut"))) throw new Error(`nothing was published after a kill\n${service.complaints.join("\n")}`);
  }
  await sleep(Math.random() * 200);
  if (kill % 4 === 1) return;
  await untilStep(service, (entered) => entered === step);
  // Most steps take a few milliseconds.
  if (Math.random() < 0.5) await sleep(Math.random() * 4);
}

async function unended(origin: string, senders: readonly Sender[]): Promise<string[]> {
  const stuck: string[] = [];
  const waitUntil = performance.now() + PUBLISHES_WITHIN_MS;
  for (const { task } of senders.flatMap(({ sent }) => sent)) {
    let seen = await taskState(origin, task);
    while (!["SUCCESS", "FAILURE", "ERRORED"].includes(seen.state) && performance.now() < waitUntil) {
      await sleep(50);
      seen = await taskState(origin, task);
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
