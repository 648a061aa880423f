// What befalls a cluster under constant load, and what became of everything.

import { setTimeout as sleep } from "node:timers/promises";
import { createHttpFetcher } from "../../src/drivers/fetcher/http/fetcher.ts";
import { filesByUrl } from "../../src/fsck/files.ts";
import { fsck } from "../../src/fsck/fsck.ts";
import { send } from "../kill/load.ts";
import { outcomeOf, type Outcome } from "../kill/outcome.ts";
import { visit } from "../kill/visitors.ts";
import { startCluster, type Cluster, type ClusterOptions, type Place } from "./cluster.ts";

export const BLOWS = ["kill the leader", "stop the leader past its lease", "restart PostgreSQL", "kill an API", "kill a worker", "stop an API"] as const;
export type Blow = (typeof BLOWS)[number] | "fail over to the standby";

export interface ChaosOptions extends ClusterOptions {
  readonly senders: number;
  /** In order, each some time after the last one was over; round and round until `seconds` have passed, at least once. */
  readonly blows: readonly Blow[];
  readonly seconds: number;
  readonly tell?: (what: string) => void;
}

export interface ChaosFigures {
  readonly blows: Readonly<Record<string, number>>;
  readonly artifacts: number;
  readonly outcome: Outcome;
  readonly unsound: readonly string[];
  /** Milliseconds from the leader's death until another one had the lease. */
  readonly takeOvers: readonly number[];
  /** Of load, without the blows' last repair. */
  readonly seconds: number;
}

export async function chaos(options: ChaosOptions): Promise<ChaosFigures> {
  const cluster = await startCluster(options);
  const over = new AbortController();
  try {
    const began = performance.now();
    const visits = visit(cluster.metadataUrl, cluster.root, cluster.folder, () => [], over.signal);
    const senders = Array.from({ length: options.senders }, (_, n) => send(`sender-${String(n)}`, () => cluster.anyApi(), over.signal));
    const counts: Record<string, number> = {};
    const takeOvers: number[] = [];
    for (let n = 0; n < options.blows.length || performance.now() - began < options.seconds * 1000; n++) {
      const blow = options.blows[n % options.blows.length] ?? "kill a worker";
      await sleep(500 + Math.random() * 1_000);
      options.tell?.(blow);
      counts[blow] = (counts[blow] ?? 0) + 1;
      await strike(cluster, blow, options.leaseMs, takeOvers);
    }
    await sleep(1_000);
    over.abort();
    const sent = await Promise.all(senders);
    const seconds = (performance.now() - began) / 1000;
    const { metadataUrl, root, folder } = cluster;
    const outcome = await outcomeOf({ origin: () => cluster.anyApi(), metadataUrl, root, folder, senders: sent, visits, endsWithinMs: 60_000 });
    for (const place of cluster.places) if (place.kind === "worker") await place.end();
    const files = filesByUrl(createHttpFetcher({ version: "chaos" }), metadataUrl);
    const report = await fsck({ files, root, database: cluster.database, now: Date.now() });
    return { blows: counts, artifacts: outcome.accepted * 8, outcome, unsound: report.faults.map((fault) => JSON.stringify(fault)), takeOvers, seconds };
  } finally {
    over.abort();
    await cluster.end();
  }
}

async function strike(cluster: Cluster, blow: Blow, leaseMs: number, takeOvers: number[]): Promise<void> {
  switch (blow) {
    case "kill the leader": {
      const leader = await leaderOf(cluster);
      const { lease } = await cluster.database.publisher();
      const died = performance.now();
      await leader.kill();
      takeOvers.push(await untilAnotherLeads(cluster, lease.number, died));
      await leader.start();
      return;
    }
    case "stop the leader past its lease": {
      const leader = await leaderOf(cluster);
      const { lease } = await cluster.database.publisher();
      leader.stand();
      const stood = performance.now();
      takeOvers.push(await untilAnotherLeads(cluster, lease.number, stood));
      await sleep(leaseMs);
      // It wakes in the middle of whatever it was doing, believing that it leads.
      leader.goOn();
      return;
    }
    case "restart PostgreSQL":
      await cluster.server.restart(Math.random() < 0.5 ? "SIGQUIT" : "SIGINT");
      return;
    case "fail over to the standby":
      if (!("failOver" in cluster.server)) throw new Error("there is no standby");
      await cluster.server.failOver();
      return;
    case "kill an API": case "kill a worker": {
      const place = await oneOf(cluster, blow === "kill an API" ? "api" : "worker");
      await place.kill();
      await place.start();
      return;
    }
    case "stop an API": {
      const place = await oneOf(cluster, "api");
      place.stand();
      await sleep(3_000);
      place.goOn();
    }
  }
}

async function oneOf(cluster: Cluster, kind: "api" | "worker"): Promise<Place> {
  const places = cluster.places.filter((place) => place.kind === kind);
  const place = places[Math.floor(Math.random() * places.length)];
  if (place === undefined) throw new Error(`there is no ${kind}`);
  return place;
}

async function leaderOf(cluster: Cluster): Promise<Place> {
  for (const until = performance.now() + 60_000; performance.now() < until;) {
    for (const place of cluster.places) if (await place.leads()) return place;
    await sleep(50);
  }
  throw new Error(`no worker leads\n${cluster.places.map(({ log }) => log.slice(-2000)).join("\n")}`);
}

async function untilAnotherLeads(cluster: Cluster, number: number, since: number): Promise<number> {
  for (;;) {
    const { lease } = await cluster.database.publisher();
    if (lease.number > number && lease.holder !== "") return performance.now() - since;
    if (performance.now() - since > 90_000) throw new Error(`nobody took over\n${cluster.places.map(({ log }) => log.slice(-2000)).join("\n")}`);
    await sleep(20);
  }
}
