// A service with clients that watch it: fresh ones, and one of each kind that has been there at every
// stage before.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { GO_TUF, PYTHON_TUF, TUF_JS, visit, type Client, type ClientReport, type Fate } from "./clients.ts";
import { startUnbootstrapped, type ServiceOptions } from "./service.ts";
import { startWebServer, type Artifact, type WebServer } from "./web-server.ts";

export const CLIENTS = [PYTHON_TUF, GO_TUF, TUF_JS];

/** A service with clients that watch it. */
export class Watched {
  readonly service: Awaited<ReturnType<typeof startUnbootstrapped>>;
  readonly expected = new Map<string, Fate>();
  readonly #web: WebServer;
  #fresh = 0;
  readonly #waiting = new Map<string, string>();

  private constructor(service: Watched["service"], web: WebServer) {
    this.service = service;
    this.#web = web;
  }

  static async start(ends: AsyncDisposableStack, options: Partial<ServiceOptions> = {}): Promise<Watched> {
    const service = ends.use(await startUnbootstrapped({ online: "ed25519", root: ["ed25519"], bins: 16, settleSeconds: 3, ...options }));
    return new Watched(service, ends.use(await startWebServer(service.metadataFolder)));
  }

  async add(...paths: readonly string[]): Promise<void> {
    const artifacts = this.serve(...paths);
    await this.service.add(artifacts);
  }

  /** Files that are there, and that clients will find in some role. */
  serve(...paths: readonly string[]): readonly Artifact[] {
    const artifacts = paths.map((path) => this.#web.put(path, `content of ${path}`));
    for (const { path, info } of artifacts) this.expected.set(path, { state: "downloaded", sha256: info.hashes.sha256 });
    return artifacts;
  }

  /** Accepted, and to wait for signatures: nobody finds it. */
  async begin(path: string): Promise<void> {
    const artifact = this.#web.put(path, `content of ${path}`);
    const response = await fetch(`${this.service.origin}/api/v1/artifacts/`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ artifacts: [artifact] }) });
    assert.equal(response.status, 202);
    const { data } = (await response.json()) as { data: { task_id: string } };
    for (let message: string | undefined; message !== "Waiting for signatures"; ) {
      const task = (await (await fetch(`${this.service.origin}/api/v1/task/?task_id=${data.task_id}`)).json()) as { data: { state: string; result?: { message: string } } };
      assert.ok(!["SUCCESS", "FAILURE", "ERRORED"].includes(task.data.state), JSON.stringify(task));
      message = task.data.result?.message;
    }
    this.#waiting.set(path, artifact.info.hashes.sha256);
    this.expected.set(path, { state: "not-found" });
  }

  /** What waited was signed: everybody finds it. */
  ended(path: string): void {
    this.expected.set(path, { state: "downloaded", sha256: this.#waiting.get(path) ?? "" });
  }

  look(client: Client, cache: string, paths: readonly string[]): Promise<ClientReport> {
    const { metadata, root, folder } = this.service;
    return visit(client, { metadata, artifacts: this.#web.artifacts, root, cache: join(folder, cache) }, paths);
  }

  /** A refresh and one artifact: refused by nobody. */
  async glance(client: Client, who: "fresh" | "returning"): Promise<void> {
    const [path = ""] = this.expected.keys();
    const { error, targets } = await this.look(client, who === "fresh" ? this.#freshCache(client) : client.name, [path]);
    assert.deepEqual([error, targets[path]], [undefined, this.expected.get(path)], `${client.name}, ${who}`);
  }

  /** Everybody sees exactly what there is. */
  everybody(stage: string, first = false): void {
    for (const client of CLIENTS) {
      for (const who of ["fresh", "returning"] as const) {
        test(`${stage}: ${client.name}, ${who}`, async () => {
          const { error, returning, targets } = await this.look(client, who === "fresh" ? this.#freshCache(client) : client.name, [...this.expected.keys()]);
          assert.deepEqual({ error, returning, targets }, { error: undefined, returning: who === "returning" && !first, targets: Object.fromEntries(this.expected) });
        });
      }
    }
  }

  #freshCache(client: Client): string {
    this.#fresh += 1;
    return `${client.name}-fresh-${String(this.#fresh)}`;
  }
}
