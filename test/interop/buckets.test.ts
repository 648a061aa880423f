// The bucket drivers on other people's servers: S3 as moto has it, Azure's Azurite, a GCS server. The whole contract
// of storages, on each; and a repository in a bucket that python-tuf reads there.

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { openAzureStorage } from "../../src/drivers/storage/azure/storage.ts";
import { openGcsStorage } from "../../src/drivers/storage/gcs/storage.ts";
import { openS3Storage } from "../../src/drivers/storage/s3/storage.ts";
import type { Storage } from "../../src/ports/storage.ts";
import { storageContract } from "../contract/storage/suite.ts";
import { startProgram } from "../demo/running-service.ts";
import { freePort } from "../servers/free-port.ts";
import { PYTHON_TUF, visit } from "./clients.ts";
import { AZURITE, GCS_SERVER, PYTHON } from "./install.ts";
import { startWebServer } from "./web-server.ts";

const BUCKET = "metadata";
const ACCOUNT = "devstoreaccount1";
/** Azurite's own, the same everywhere. */
const ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const START_MS = 60_000;

interface Server {
  readonly url: string;
  end(): Promise<void>;
}

/** Starts a server that says on stdout or stderr where it listens, as `says` finds it. */
async function start(command: readonly string[], says: RegExp): Promise<Server> {
  const [program = "", ...args] = command;
  const child: ChildProcess = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, AWS_ACCESS_KEY_ID: "", PYTHONUNBUFFERED: "1" } });
  const ended = new Promise<void>((resolve) => { child.once("exit", () => { resolve(); }); });
  let said = "";
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => { reject(new Error(`${program} did not start:\n${said}`)); }, START_MS);
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on("line", (line) => {
        said += `${line}\n`;
        const found = says.exec(line)?.[1];
        if (found === undefined) return;
        clearTimeout(timer);
        resolve(found);
      });
    }
    child.once("error", reject);
    void ended.then(() => { reject(new Error(`${program} ended:\n${said}`)); });
  });
  return { url, end: async () => { child.kill("SIGKILL"); await ended; } };
}

interface Store {
  readonly name: string;
  start(): Promise<Server>;
  open(url: string, prefix: string): Promise<Storage>;
}

/** As `python -m moto.server`, but one request at a time: among its threads moto compares and writes in two steps. */
const MOTO = `
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
run_simple("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=False)
`;

const startMoto = async (): Promise<Server> => {
  const server = await start([PYTHON, "-c", MOTO], /Running on (http:\/\/127\.0\.0\.1:[0-9]+)/);
  assert.equal((await fetch(`${server.url}/${BUCKET}`, { method: "PUT" })).status, 200);
  return server;
};

const STORES: readonly Store[] = [
  {
    name: "s3 (moto)",
    start: startMoto,
    open: (endpoint, prefix) => openS3Storage({ endpoint, bucket: BUCKET, prefix, credentials: { accessKeyId: "id", secretAccessKey: "secret" } }),
  },
  {
    name: "azure (Azurite)",
    async start() {
      const server = await start([process.execPath, AZURITE, "--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"], /listens on (http:\/\/127\.0\.0\.1:[0-9]+)/);
      const { BlobServiceClient, StorageSharedKeyCredential } = await import("@azure/storage-blob");
      await new BlobServiceClient(`${server.url}/${ACCOUNT}`, new StorageSharedKeyCredential(ACCOUNT, ACCOUNT_KEY)).createContainer(BUCKET);
      return server;
    },
    open: (url, prefix) => openAzureStorage({ endpoint: `${url}/${ACCOUNT}`, bucket: BUCKET, account: ACCOUNT, accountKey: ACCOUNT_KEY, prefix }),
  },
  {
    name: "gcs (fake-gcs-server)",
    async start() {
      const port = String(await freePort());
      const server = await start([GCS_SERVER, "-scheme", "http", "-host", "127.0.0.1", "-port", port, "-backend", "memory"], /(server started)/);
      const url = `http://127.0.0.1:${port}`;
      assert.equal((await fetch(`${url}/storage/v1/b?project=test`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ name: BUCKET }) })).status, 200);
      return { ...server, url };
    },
    open: (endpoint, prefix) => openGcsStorage({ endpoint, bucket: BUCKET, prefix }),
  },
];

for (const store of STORES) {
  describe(store.name, () => {
    let server: Server;
    before(async () => { server = await store.start(); });
    after(() => server.end());

    storageContract(store.name, async () => {
      // A bucket is not emptied: each case has a prefix of its own.
      const prefix = `${randomBytes(8).toString("hex")}/`;
      const opened: Storage[] = [];
      const open = async (): Promise<Storage> => {
        const storage = await store.open(server.url, prefix);
        opened.push(storage);
        return storage;
      };
      return { open, cutPower: open, end: async () => { for (const storage of opened) await storage.close(); } };
    });

    test("its conditions are proved, as at the start of a service", async () => {
      const storage = await store.open(server.url, "proof/");
      try {
        await storage.prove();
      } finally {
        await storage.close();
      }
    });
  });
}

test("a repository in an S3 bucket is read there by python-tuf, before and after a restart of the service", async () => {
  const folder = await mkdtemp(join(tmpdir(), "rstuf-interop-bucket-"));
  const moto = await startMoto();
  const web = await startWebServer(folder);
  try {
    const environment = { RSTUF_STORAGE_KIND: "s3", RSTUF_STORAGE_BUCKET: BUCKET, RSTUF_STORAGE_PREFIX: "tuf", RSTUF_STORAGE_ENDPOINT: moto.url, RSTUF_STORAGE_ACL: "public-read", RSTUF_STORAGE_ACCESS_KEY_ID: "id", RSTUF_STORAGE_SECRET_ACCESS_KEY: "secret" };
    for (const path of ["one.txt", "two.txt"]) {
      const service = await startProgram(["serve", "--trial", "--bins", "4", "--port", "0", "--data-dir", join(folder, "data")], environment);
      try {
        const answer = await fetch(`${service.origin}/api/v1/artifacts/`, { method: "POST", headers: { "content-type": "application/json", prefer: "wait=30" }, body: JSON.stringify({ artifacts: [web.put(path, path)] }) });
        assert.equal(((await answer.json()) as { data: { state: string } }).data.state, "SUCCESS");
        const report = await visit(PYTHON_TUF, { metadata: `${moto.url}/${BUCKET}/tuf/`, artifacts: web.artifacts, root: join(folder, "data", "trusted", "1.root.json"), cache: join(folder, "cache") }, ["one.txt", path]);
        assert.deepEqual([report.error, report.returning, Object.values(report.targets).map(({ state }) => state)], [undefined, path === "two.txt", path === "one.txt" ? ["downloaded"] : ["downloaded", "downloaded"]]);
      } finally {
        assert.equal(await service.stop(), 0, service.stderr());
      }
    }
  } finally {
    await web[Symbol.asyncDispose]();
    await moto.end();
    await rm(folder, { recursive: true, force: true });
  }
});
