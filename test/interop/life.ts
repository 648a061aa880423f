// The life of one repository, as its clients live through it: artifacts appear, change, go
// and come back; roles are refreshed by hand; the service is restarted.
//
// Every stage is looked at by a fresh client of each kind and by one that has been there in
// every stage before, with its old cache.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { join } from "node:path";
import { outputOf, visit, type Client, type ClientReport, type Fate } from "./clients.ts";
import { PYTHON } from "./install.ts";
import { startService, type Service, type ServiceOptions } from "./service.ts";
import { startWebServer, type Artifact, type WebServer } from "./web-server.ts";

export interface Life extends ServiceOptions {
  readonly name: string;
  readonly clients: readonly Client[];
  /** Clients that can read the repository but, for a known reason, find nothing in it. */
  readonly blind?: readonly { readonly client: Client; readonly reason: string }[];
}

/** Names that every client fetches alike. */
const PATHS = [
  "a.txt",
  "pool/main/b/b_1.0-1~rc1+deb.tar.gz",
  "@scope/package-1.2.3.tgz",
  "with space/and another one.txt",
  "größe/世界.bin",
  ".well-known/x,y:z;k=v&w.json",
  "deep/er/and/deep/er/c",
] as const;

/** 16,384 bins in two versions are 33,000 files. */
const INSPECTION_MS = 4 * 60_000;

export function describeLife(life: Life): void {
  describe(life.name, () => {
    let service: Service;
    let web: WebServer;
    const ends = new AsyncDisposableStack();
    const expected = new Map<string, Fate>();
    let fresh = 0;

    before(async () => {
      service = ends.use(await startService(life));
      web = ends.use(await startWebServer(service.metadataFolder));
    });
    after(() => ends.disposeAsync());

    const serve = (path: string, content: string, extra?: Parameters<WebServer["put"]>[2]): Artifact => {
      const artifact = web.put(path, content, extra);
      expected.set(path, { state: "downloaded", sha256: artifact.info.hashes.sha256 });
      return artifact;
    };
    const forget = (...paths: readonly string[]): void => {
      for (const path of paths) expected.set(path, { state: "not-found" });
    };
    const look = (client: Client, cache: string, from = service.metadata, plainNames = false): Promise<ClientReport> =>
      visit(client, { metadata: from, artifacts: web.artifacts, root: service.root, cache: join(service.folder, cache), plainNames }, [...expected.keys()]);
    const freshCache = (client: Client): string => {
      fresh += 1;
      return `${client.name}-fresh-${String(fresh)}`;
    };
    const assertSees = (report: ClientReport, returning: boolean): void => {
      assert.deepEqual({ error: report.error, returning: report.returning, targets: report.targets }, { error: undefined, returning, targets: Object.fromEntries(expected) });
    };
    const everybodySees = (stage: string, returning: boolean): void => {
      for (const client of life.clients) {
        test(`${stage}: ${client.name}, fresh, sees exactly what there is`, async () => {
          assertSees(await look(client, freshCache(client)), false);
        });
        test(`${stage}: ${client.name}, ${returning ? "returning" : "about to return"}, sees exactly what there is`, async () => {
          assertSees(await look(client, client.name), returning);
        });
      }
    };

    test("the first artifacts are published", async () => {
      const first = PATHS.map((path, at) => serve(path, `first content of ${path}`, { sha512: at === 0, custom: { build: at, words: ["ä", "\u{1f600}"] } }));
      await service.add(first.slice(0, 3));
      await service.add(first.slice(3));
      forget("never/added.txt");
    });
    everybodySees("after the first artifacts", false);

    test("artifacts are added, changed, removed and added again", async () => {
      for (let at = 0; at < 5; at += 1) await service.add([serve(`later/${String(at)}.txt`, `content ${String(at)}`)]);
      await service.add([serve(PATHS[0], "other content of another length")]);
      await service.remove([PATHS[1], PATHS[2], "later/0.txt"]);
      await service.add([serve(PATHS[2], "back again"), serve("later/1.txt", "changed")]);
      await service.remove(["later/1.txt"]);
      forget(PATHS[1], "later/0.txt", "later/1.txt");
    });
    everybodySees("after changes", true);

    test("many artifacts at once", async () => {
      const artifacts = Array.from({ length: 200 }, (_, at) => web.put(`bulk/${String(at)}`, `bulk ${String(at)}`));
      await service.add(artifacts);
      for (const { path, info } of artifacts.slice(0, 10)) expected.set(path, { state: "downloaded", sha256: info.hashes.sha256 });
    });
    everybodySees("after many artifacts", true);

    test("a refresh by hand gives every online role a new version", async () => {
      const [client] = life.clients;
      assert.ok(client !== undefined);
      const before = await look(client, freshCache(client));
      await service.submit("/api/v1/metadata/online", { roles: ["snapshot", "timestamp", "targets", "bins"] });
      const { versions } = await look(client, freshCache(client));
      for (const role of ["snapshot", "timestamp", "targets"]) assert.ok((versions[role] ?? 0) > (before.versions[role] ?? 0), `${role} has a new version`);
      assert.equal(versions["root"], 1);
    });
    everybodySees("after a refresh by hand", true);

    test("the service is restarted and goes on where it was", async () => {
      await service.restart();
      await service.add([serve("after/restart.txt", "after the restart")]);
    });
    everybodySees("after a restart", true);

    for (const client of life.clients) {
      test(`${client.name}, returning when nothing changed, asks a plain web server for no more than root and timestamp`, async () => {
        web.asked.length = 0;
        assertSees(await look(client, client.name, web.metadata, true), true);
        assert.deepEqual(web.asked, ["2.root.json", "timestamp.json"]);
      });
    }

    for (const { client, reason } of life.blind ?? []) {
      test(`${client.name} refreshes and finds nothing: ${reason}`, async () => {
        const report = await look(client, freshCache(client));
        const nothing = Object.fromEntries([...expected.keys()].map((path) => [path, { state: "not-found" }]));
        assert.deepEqual({ error: report.error, targets: report.targets }, { error: undefined, targets: nothing });
      });
    }

    test("python-tuf's models find no fault in any file, old versions included", async () => {
      const inspection = await outputOf([PYTHON, join(import.meta.dirname, "python", "inspect_metadata.py"), service.metadataFolder], { timeOutMs: INSPECTION_MS });
      const { files, faults } = JSON.parse(inspection) as { readonly files: number; readonly faults: readonly string[] };
      assert.deepEqual(faults, []);
      assert.ok(files >= life.bins + 4, `${String(files)} files`);
    });

    // Last: what the server serves is spoilt.
    for (const client of life.clients) {
      test(`${client.name} refuses an artifact whose content was changed on the server`, async () => {
        web.put(PATHS[0], "other content of another length");
        web.corrupt(PATHS[0]);
        const { targets } = await look(client, freshCache(client));
        assert.equal(targets[PATHS[0]]?.state, "refused");
        assert.deepEqual(targets[PATHS[4]], expected.get(PATHS[4]));
      });
    }
  });
}
