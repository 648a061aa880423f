// The attacker's turn: what he shows, and what each client says to it.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Mirror } from "./mirror.ts";
import { ourVisitor, tufJsVisitor, type Visitor } from "./visitors.ts";

export interface AttackScene {
  readonly mirror: Mirror;
  readonly metadataDir: string;
  readonly rootBytes: Buffer;
  /** A folder for caches. */
  readonly scratch: string;
  /** The timestamp as it was before anything was added. */
  readonly oldTimestamp: Buffer;
  /** Artifacts to ask for, each in another bin. */
  readonly paths: readonly string[];
  /** Publishes one more artifact. */
  publishOneMore(): Promise<void>;
}

export interface AttackOutcome {
  readonly name: string;
  readonly client: string;
  /** Undefined: the client accepted what it was shown. */
  readonly refusal: string | undefined;
}

interface Attack {
  readonly name: string;
  /** How far ahead of now the client looks, milliseconds. */
  readonly aheadMs?: number;
  /** Puts the forgeries in place; the clients have refreshed once before. */
  forge(scene: AttackScene): Promise<void>;
}

const DAY_MS = 86_400_000;

const ATTACKS: readonly Attack[] = [
  {
    name: "content changed",
    forge: async ({ mirror, paths }) => {
      const answer = await fetch(new URL(paths[0]!.split("/").map(encodeURIComponent).join("/"), mirror.artifactsUrl));
      const bytes = Buffer.from(await answer.arrayBuffer());
      bytes[0] = bytes[0]! ^ 1;
      mirror.forged.set(`files/${paths[0]!}`, bytes);
    },
  },
  {
    name: "timestamp rolled back",
    forge: ({ mirror, oldTimestamp }) => {
      mirror.forged.set("metadata/timestamp.json", oldTimestamp);
      return Promise.resolve();
    },
  },
  {
    name: "snapshot of another moment mixed in",
    forge: async (scene) => {
      const before = await currentSnapshot(scene);
      const old = await readFile(join(scene.metadataDir, before));
      await scene.publishOneMore();
      scene.mirror.forged.set(`metadata/${await currentSnapshot(scene)}`, old);
    },
  },
  {
    name: "one bin's file in another's place",
    forge: async (scene) => {
      await scene.publishOneMore();
      const snapshot = JSON.parse(await readFile(join(scene.metadataDir, await currentSnapshot(scene)), "utf8")) as { signed: { meta: Record<string, { version: number }> } };
      const bins = Object.entries(snapshot.signed.meta).filter(([file]) => file.startsWith("bins-"));
      const other = bins.at(-1)!;
      const bytes = await readFile(join(scene.metadataDir, `${String(other[1].version)}.${other[0]}`));
      for (const [file, { version }] of bins.slice(0, -1)) scene.mirror.forged.set(`metadata/${String(version)}.${file}`, bytes);
    },
  },
  {
    name: "expired timestamp held back (freeze)",
    aheadMs: 3 * DAY_MS,
    forge: () => Promise.resolve(),
  },
  {
    name: "endless metadata",
    forge: ({ mirror }) => {
      mirror.forged.set("metadata/timestamp.json", "endless");
      return Promise.resolve();
    },
  },
  {
    name: "endless artifact",
    forge: ({ mirror, paths }) => {
      mirror.forged.set(`files/${paths[0]!}`, "endless");
      return Promise.resolve();
    },
  },
];

/** Plays every attack against our client and tuf-js, each with a cache that knew the honest repository. */
export async function playAttacks(scene: AttackScene, said: (outcome: AttackOutcome) => void): Promise<readonly AttackOutcome[]> {
  const outcomes: AttackOutcome[] = [];
  for (const [at, attack] of ATTACKS.entries()) {
    const visitors: Visitor[] = [];
    for (const visitorOf of [ourVisitor, tufJsVisitor]) {
      const visitor = await visitorOf({ mirror: scene.mirror, rootBytes: scene.rootBytes, folder: join(scene.scratch, `attack-${String(at)}`) });
      await visitor.find(scene.paths[1]!);
      visitors.push(visitor);
    }
    await attack.forge(scene);
    for (const visitor of visitors) {
      const refusal = await visitor.download(scene.paths[0]!, attack.aheadMs ?? 0).then(() => undefined, (error: unknown) => visitor.reason(error));
      const outcome = { name: attack.name, client: visitor.name, refusal };
      outcomes.push(outcome);
      said(outcome);
    }
    scene.mirror.forged.clear();
  }
  return outcomes;
}

/** The name of the snapshot file that the published timestamp points to. */
async function currentSnapshot({ metadataDir }: AttackScene): Promise<string> {
  const timestamp = JSON.parse(await readFile(join(metadataDir, "timestamp.json"), "utf8")) as { signed: { meta: { "snapshot.json": { version: number } } } };
  return `${String(timestamp.signed.meta["snapshot.json"].version)}.snapshot.json`;
}
