// What a client sees: follows timestamp, snapshot and bin over HTTP, as any client would.
//
// Of many artifacts a client looks for its own; looking for all of them, bin after bin, would be a measure of itself. So
// bins are looked into only once all of those that are waited for have moved, several at a time, and what is answered is
// the moment at which a client could have found the last of them: its bin was named by the snapshot, plus one look-up.

import { Agent, request } from "node:http";
import { binOf, bitLengthOf } from "../../src/tuf/bins.ts";

const AT_ONCE = 16;
/** The barest client there is: it looks every other millisecond, on the cores of what it watches. (`fetch` took 30 of 140 ms of both, in each publish.) */
const AGENT = new Agent({ keepAlive: true, maxSockets: AT_ONCE });

export class Watcher {
  readonly #origin: string;
  readonly #bitLength: number;
  #snapshotVersion = 0;
  #snapshot: Buffer = Buffer.alloc(0);

  constructor(origin: string, bins: number) {
    this.#origin = origin;
    this.#bitLength = bitLengthOf(bins);
  }

  /**
   * Resolves when a client would find every one of `paths`, with the moment (`performance.now()`) from which it would.
   * Looks again every four milliseconds. Begun before they are sent: what it saw last is what was there before.
   */
  async untilVisible(paths: readonly string[], deadlineMs = 600_000): Promise<number> {
    const missing = new Map<string, Set<string>>();
    for (const path of paths) {
      const bin = binOf("bins", this.#bitLength, path);
      const set = missing.get(bin) ?? new Set<string>();
      missing.set(bin, set.add(path));
    }
    /** Of each bin the version that is known not to have all. */
    const checked = new Map([...missing.keys()].map((bin) => [bin, versionIn(this.#snapshot, bin)]));
    const begin = performance.now();
    let found = begin;
    while (missing.size > 0) {
      if (performance.now() > begin + deadlineMs) throw new Error(`${String(missing.size)} bins were not visible in time`);
      if (!(await this.#refresh())) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        continue;
      }
      const named = performance.now();
      const moved = [...missing.keys()].filter((bin) => versionIn(this.#snapshot, bin) !== checked.get(bin));
      if (moved.length < missing.size) continue;
      found = named + await this.#lookInto(moved, missing, checked);
    }
    return found;
  }

  /** Takes what is found out of `missing`. Answers how long the look into one bin took, milliseconds. */
  async #lookInto(bins: readonly string[], missing: Map<string, Set<string>>, checked: Map<string, number | undefined>): Promise<number> {
    const left = [...bins];
    const begin = performance.now();
    let first: number | undefined;
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, bins.length) }, async () => {
      for (let bin = left.shift(); bin !== undefined; bin = left.shift()) {
        const version = versionIn(this.#snapshot, bin);
        const wanted = missing.get(bin) ?? new Set();
        const { signed } = JSON.parse((await this.#get(`${String(version)}.${bin}.json`)).toString()) as { signed: { targets: Record<string, unknown> } };
        first ??= performance.now() - begin;
        checked.set(bin, version);
        for (const path of wanted) if (path in signed.targets) wanted.delete(path);
        if (wanted.size === 0) missing.delete(bin);
      }
    }));
    return first ?? 0;
  }

  /** Whether there is a new snapshot since the last look. */
  async #refresh(): Promise<boolean> {
    const version = versionIn(await this.#get("timestamp.json"), "snapshot");
    if (version === undefined || version === this.#snapshotVersion) return false;
    this.#snapshot = await this.#get(`${String(version)}.snapshot.json`);
    this.#snapshotVersion = version;
    return true;
  }

  #get(name: string): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    // As they are: over loopback compression costs more than it saves, and what it costs is not the publish's.
    const asked = request(`${this.#origin}/metadata/${name}`, { agent: AGENT, headers: { "accept-encoding": "identity" } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => { chunks.push(chunk); });
      answer.once("end", () => {
        if (answer.statusCode === 200) resolve(Buffer.concat(chunks));
        else reject(new Error(`${name}: ${String(answer.statusCode)}`));
      });
      answer.once("error", reject);
    });
    asked.once("error", reject);
    asked.end();
    return promise;
  }
}

/** Read from the bytes: half a megabyte of JSON takes longer to parse than a publish takes to the disk, and is no part of it. */
function versionIn(bytes: Buffer, role: string): number | undefined {
  const at = bytes.indexOf(`"${role}.json":{`);
  const version = at < 0 ? undefined : /"version":(\d+)\}/.exec(bytes.toString("latin1", at, at + 400))?.[1];
  return version === undefined ? undefined : Number(version);
}
