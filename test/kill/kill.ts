// SIGKILL of the real service under load, again and again, and what became of everything.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { send } from "./load.ts";
import { outcomeOf, type Outcome } from "./outcome.ts";
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
  readonly paths: number;
  readonly outcome: Outcome;
  /** What fsck said when it was not content. */
  readonly unsound: readonly string[];
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
    const outcome = await outcomeOf({ origin: () => origin, metadataUrl: web.url, root, folder, senders: sent, visits, endsWithinMs: PUBLISHES_WITHIN_MS });
    await service.stop();
    const unsound = await faultsIn(dataDir);
    web.close();
    return {
      kills: options.kills, inside, between, paths: sent.reduce((sum, { expected }) => sum + expected.size, 0), outcome,
      unsound: unsound === "" ? [] : [unsound], seconds: (performance.now() - began) / 1000,
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
