// What a client sees: follows timestamp, snapshot and bin over HTTP, as any client would.

import { binOf, bitLengthOf } from "../../src/tuf/bins.ts";

interface Meta {
  readonly signed: { readonly meta: Readonly<Record<string, { readonly version: number }>> };
}

export class Watcher {
  readonly #origin: string;
  readonly #bitLength: number;
  #snapshotVersion = 0;
  #versions = new Map<string, number>();

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
        const version = this.#versions.get(bin);
        if (version === undefined || checked.get(bin) === version) continue;
        checked.set(bin, version);
        const { signed } = (await this.#get(`${String(version)}.${bin}.json`)) as { signed: { targets: Record<string, unknown> } };
        for (const path of wanted) if (path in signed.targets) wanted.delete(path);
        if (wanted.size === 0) missing.delete(bin);
      }
    }
  }

  /** Whether there is a new snapshot since the last look. */
  async #refresh(): Promise<boolean> {
    const timestamp = (await this.#get("timestamp.json")) as Meta;
    const version = timestamp.signed.meta["snapshot.json"]!.version;
    if (version === this.#snapshotVersion) return false;
    const snapshot = (await this.#get(`${String(version)}.snapshot.json`)) as Meta;
    this.#versions = new Map(Object.entries(snapshot.signed.meta).map(([file, meta]) => [file.slice(0, -".json".length), meta.version]));
    this.#snapshotVersion = version;
    return true;
  }

  async #get(name: string): Promise<unknown> {
    const answer = await fetch(`${this.#origin}/metadata/${name}`);
    if (!answer.ok) throw new Error(`${name}: ${String(answer.status)}`);
    return answer.json();
  }
}
