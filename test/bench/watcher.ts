// What a client sees: follows timestamp, snapshot and bin over HTTP, as any client would.

import { binOf, bitLengthOf } from "../../src/tuf/bins.ts";

export class Watcher {
  readonly #origin: string;
  readonly #bitLength: number;
  #snapshotVersion = 0;
  #snapshot = "";

  constructor(origin: string, bins: number) {
    this.#origin = origin;
    this.#bitLength = bitLengthOf(bins);
  }

  /** Resolves when a client would find every one of `paths`. Looks again every two milliseconds. */
  async untilVisible(paths: readonly string[], deadlineMs = 600_000): Promise<void> {
    const missing = new Map<string, Set<string>>();
    for (const path of paths) {
      const bin = binOf("bins", this.#bitLength, path);
      const set = missing.get(bin) ?? new Set<string>();
      missing.set(bin, set.add(path));
    }
    const checked = new Map<string, number>();
    const end = performance.now() + deadlineMs;
    while (missing.size > 0) {
      if (performance.now() > end) throw new Error(`${String(missing.size)} bins were not visible in time`);
      if (!(await this.#refresh())) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        continue;
      }
      for (const [bin, wanted] of missing) {
        const version = versionIn(this.#snapshot, bin);
        if (version === undefined || checked.get(bin) === version) continue;
        checked.set(bin, version);
        const { signed } = JSON.parse(await this.#get(`${String(version)}.${bin}.json`)) as { signed: { targets: Record<string, unknown> } };
        for (const path of wanted) if (path in signed.targets) wanted.delete(path);
        if (wanted.size === 0) missing.delete(bin);
      }
    }
  }

  /** Whether there is a new snapshot since the last look. */
  async #refresh(): Promise<boolean> {
    const version = versionIn(await this.#get("timestamp.json"), "snapshot");
    if (version === undefined || version === this.#snapshotVersion) return false;
    this.#snapshot = await this.#get(`${String(version)}.snapshot.json`);
    this.#snapshotVersion = version;
    return true;
  }

  async #get(name: string): Promise<string> {
    const answer = await fetch(`${this.#origin}/metadata/${name}`);
    if (!answer.ok) throw new Error(`${name}: ${String(answer.status)}`);
    return answer.text();
  }
}

/** Read from the text: half a megabyte of JSON takes longer to parse than a publish takes to the disk, and is no part of it. */
function versionIn(text: string, role: string): number | undefined {
  const at = text.indexOf(`"${role}.json":{`);
  const version = at < 0 ? undefined : /"version":(\d+)\}/.exec(text.slice(at, at + 400))?.[1];
  return version === undefined ? undefined : Number(version);
}
