// The main job on real input: a tree announced over REST, served as a plain web server
// would, downloaded and verified from the trusted root alone, and then attacked.

import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { folder, openClient } from "../../src/main/client.ts";
import { playAttacks, type AttackOutcome } from "./attacks.ts";
import { startMirror } from "./mirror.ts";
import { startProgram } from "./running-service.ts";
import { hashFile, listTree, type TreeFile } from "./tree.ts";

export interface DemoOptions {
  readonly tree: string;
  readonly files: number;
  readonly requests: number;
  readonly downloads: number;
  /** Hears how far it is: a stage, done, and of how many. */
  readonly progress: (stage: string, done: number, of: number) => void;
  readonly attacked: (outcome: AttackOutcome) => void;
}

export interface DemoReport {
  readonly files: number;
  readonly bytes: number;
  readonly hashSeconds: number;
  /** From the first request until all were visible to clients. */
  readonly publishSeconds: number;
  readonly downloads: number;
  readonly downloadedBytes: number;
  readonly downloadSeconds: number;
  readonly attacks: readonly AttackOutcome[];
}

export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const scratch = await mkdtemp(join(tmpdir(), "rstuf-demo-"));
  const dataDir = join(scratch, "data");
  const service = await startProgram(["serve", "--trial", "--port", "0", "--data-dir", dataDir], { RSTUF_LOG_LEVEL: "error" });
  const mirror = await startMirror({ metadata: join(dataDir, "metadata"), files: options.tree });
  try {
    const oldTimestamp = await readFile(join(dataDir, "metadata", "timestamp.json"));
    const rootBytes = await readFile(join(dataDir, "trusted", "1.root.json"));
    const hashing = seconds();
    const files = await hashTree(options);
    const hashSeconds = hashing();

    const publishing = seconds();
    await announce(service.origin, files, options);
    const publishSeconds = publishing();

    const downloading = seconds();
    const chosen = spread(files, options.downloads);
    const downloadedBytes = await downloadAll(chosen, { mirror, rootBytes, scratch }, options);
    const downloadSeconds = downloading();

    const own = files.find((file) => file.length > 0)!;
    const other = files.findLast((file) => file.length > 0 && file !== own)!;
    const attacks = await playAttacks({
      mirror,
      metadataDir: join(dataDir, "metadata"),
      rootBytes,
      scratch,
      oldTimestamp,
      paths: [own.path, other.path],
      publishOneMore: () => add(service.origin, [{ ...own, path: own.path }]),
    }, options.attacked);

    return {
      files: files.length,
      bytes: files.reduce((sum, file) => sum + file.length, 0),
      hashSeconds,
      publishSeconds,
      downloads: chosen.length,
      downloadedBytes,
      downloadSeconds,
      attacks,
    };
  } finally {
    await mirror.close();
    await service.stop();
    await rm(scratch, { recursive: true, force: true });
  }
}

async function hashTree({ tree, files, progress }: DemoOptions): Promise<readonly TreeFile[]> {
  const listed = await listTree(tree, files);
  if (listed.length < files) throw new Error(`${tree} holds ${String(listed.length)} files, and ${String(files)} were asked for`);
  const hashed: TreeFile[] = [];
  for (const file of listed) {
    hashed.push(await hashFile(tree, file));
    progress("hashed", hashed.length, listed.length);
  }
  return hashed;
}

async function announce(origin: string, files: readonly TreeFile[], { requests, progress }: DemoOptions): Promise<void> {
  const size = Math.ceil(files.length / requests);
  for (let at = 0; at < files.length; at += size) {
    await add(origin, files.slice(at, at + size));
    progress("visible to clients", Math.min(at + size, files.length), files.length);
  }
}

/** Adds artifacts and waits until clients can see them. */
async function add(origin: string, files: readonly TreeFile[]): Promise<void> {
  const artifacts = files.map(({ path, length, sha256 }) => ({ path, info: { length, hashes: { sha256 } } }));
  const answer = await fetch(`${origin}/api/v1/artifacts/?wait=60`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ artifacts }),
  });
  const text = await answer.text();
  const state = answer.status === 202 ? (JSON.parse(text) as { data: { state?: string } }).data.state : undefined;
  if (state !== "SUCCESS") throw new Error(`adding ${String(files.length)} artifacts: ${String(answer.status)} ${text.slice(0, 500)}`);
}

interface Place {
  readonly mirror: { readonly metadataUrl: string; readonly artifactsUrl: string };
  readonly rootBytes: Buffer;
  readonly scratch: string;
}

async function downloadAll(chosen: readonly TreeFile[], { mirror, rootBytes, scratch }: Place, { progress }: DemoOptions): Promise<number> {
  const downloads = join(scratch, "downloads");
  await mkdir(downloads);
  const client = await openClient({ ...mirror, trust: { root: rootBytes }, cacheDir: join(scratch, "cache") });
  let bytes = 0;
  for (const [at, file] of chosen.entries()) {
    await client.download(file.path, folder(downloads));
    const got = await readFile(join(downloads, ...file.path.split("/")));
    if (!got.equals(await readFile(file.file))) throw new Error(`${file.path} was downloaded and differs`);
    bytes += got.length;
    progress("downloaded and verified", at + 1, chosen.length);
  }
  return bytes;
}

/** `count` of `files`, evenly over the whole list. */
function spread(files: readonly TreeFile[], count: number): readonly TreeFile[] {
  const step = Math.max(1, files.length / count);
  return Array.from({ length: Math.min(count, files.length) }, (_, at) => files[Math.floor(at * step)]!);
}

function seconds(): () => number {
  const start = performance.now();
  return () => (performance.now() - start) / 1000;
}
