import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import { createMemoryStorage } from "../../test/fakes/storage.ts";
import type { Storage, StorageToken } from "../ports/storage.ts";
import type { Logger } from "../ports/telemetry.ts";
import { purging, type PurgeOrder } from "./purge.ts";

interface Asked {
  readonly method: string | undefined;
  readonly authorization: string | undefined;
  readonly body: string;
}

interface Edge {
  readonly storage: Storage;
  readonly asked: Asked[];
  readonly warnings: string[];
  /** Resolves when so many requests or warnings were seen. */
  readonly until: (condition: () => boolean) => Promise<void>;
}

const yes = (): boolean => true;
const BYTES = Buffer.from("{}");

describe("after a publish", () => {
  test("the edge is told the timestamp's address, with the token", () => atEdge(() => 200, {}, async ({ storage, asked, warnings, until }) => {
    assert.equal(await storage.replace("timestamp.json", BYTES, "absent", yes), "replaced");
    await until(() => asked.length === 1);
    assert.deepEqual(asked, [{ method: "POST", authorization: "Bearer hunter2", body: '{"files":["https://example.org/metadata/timestamp.json"]}' }]);
    assert.deepEqual(warnings, []);
  }));

  test("PURGE has no body", () => atEdge(() => 200, { method: "PURGE", token: undefined }, async ({ storage, asked, until }) => {
    await storage.replace("timestamp.json", BYTES, "absent", yes);
    await until(() => asked.length === 1);
    assert.deepEqual(asked, [{ method: "PURGE", authorization: undefined, body: "" }]);
  }));

  test("nothing is told of other files, nor of a conflict", () => atEdge(() => 200, {}, async ({ storage, asked, until }) => {
    await storage.create("1.root.json", BYTES);
    assert.equal(await storage.replace("timestamp.json", BYTES, "stale" as StorageToken, yes), "conflict");
    await storage.replace("timestamp.json", BYTES, "absent", yes);
    await until(() => asked.length === 1);
    assert.equal(asked.length, 1);
  }));

  test("an edge that fails is told three times, then it is logged, without the token; the publish succeeded long before", () => atEdge(() => 503, {}, async ({ storage, asked, warnings, until }) => {
    assert.equal(await storage.replace("timestamp.json", BYTES, "absent", yes), "replaced");
    assert.equal(asked.length, 0);
    await until(() => warnings.length === 1);
    assert.equal(asked.length, 3);
    assert.ok(warnings[0]?.includes("503") === true && !warnings[0].includes("hunter2"));
  }));

  test("a failing edge may come back: the second try is the last", () => atEdge((nth) => (nth === 0 ? 500 : 200), {}, async ({ storage, asked, warnings, until }) => {
    await storage.replace("timestamp.json", BYTES, "absent", yes);
    await until(() => asked.length === 2);
    assert.deepEqual(warnings, []);
  }));
});

async function atEdge(status: (nth: number) => number, order: Partial<PurgeOrder>, act: (edge: Edge) => Promise<void>): Promise<void> {
  const asked: Asked[] = [];
  const warnings: string[] = [];
  let heard = (): void => undefined;
  const server = createServer((request: IncomingMessage, response) => {
    let body = "";
    request.on("data", (piece: Buffer) => { body += piece.toString(); });
    request.on("end", () => {
      response.writeHead(status(asked.length)).end();
      asked.push({ method: request.method, authorization: request.headers.authorization, body });
      heard();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const log = { warn: (fields: object, message: string) => { warnings.push(JSON.stringify({ ...fields, message })); heard(); } } as unknown as Logger;
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/purge`;
  const storage = purging(createMemoryStorage(), { url, method: "POST", token: "hunter2", file: "https://example.org/metadata/timestamp.json", ...order }, log, () => Promise.resolve());
  try {
    await act({
      storage, asked, warnings,
      async until(condition) {
        while (!condition()) await new Promise<void>((resolve) => { heard = resolve; });
      },
    });
  } finally {
    await new Promise<void>((resolve) => {
      server.close(() => { resolve(); });
      server.closeAllConnections();
    });
  }
}
