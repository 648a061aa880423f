// /metadata/ in forms that a client says it reads: which one, made once, bounded, and none of timestamp.json.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import fc from "fast-check";
import { codingFor, Forms, type Coding } from "../../../src/api/codings.ts";
import { createMetadataApp } from "../../../src/api/metadata-app.ts";
import { DEFAULT_LIMITS } from "../../../src/api/settings.ts";
import { compress } from "../../../src/main/compress.ts";
import type { StorageToken } from "../../../src/ports/storage.ts";
import { createMemoryTelemetry } from "../../fakes/telemetry.ts";

describe("Accept-Encoding", () => {
  for (const [header, coding] of [
    [undefined, undefined], ["", undefined], ["gzip", "gzip"], ["br", "br"], ["gzip, deflate, br, zstd", "br"], ["gzip;q=1.0, br;q=0.5", "gzip"],
    ["GZIP", "gzip"], ["x-gzip", "gzip"], ["*", "br"], ["*;q=0", undefined], ["br;q=0, *", "gzip"], ["gzip;q=0", undefined], ["identity", undefined], ["identity;q=0.5, gzip;q=0.4", undefined],
    ["gzip;q=0.5, identity;q=0.5", "gzip"], ["identity;q=0", undefined], ["gzip;q=2", undefined], ["gzip;q=abc", undefined], ["gzip;level=9", "gzip"], ["deflate, zstd", undefined],
    [" gzip ;\tq=0.001 ", "gzip"], [`${"a,".repeat(5_000)}gzip`, undefined],
  ] as const) {
    test(`${header === undefined ? "none" : JSON.stringify(header).slice(0, 40)} asks for ${coding ?? "the file as it is"}`, () => { assert.equal(codingFor(header), coding); });
  }

  test("whatever it says, it asks for something there is", () => {
    fc.assert(fc.property(fc.string(), fc.array(fc.constantFrom("gzip", "br", "*", "identity", ";q=0", ";q=0.3", ",", " ", "x")), (text, parts) => {
      for (const header of [text, parts.join("")]) assert.ok([undefined, "br", "gzip"].includes(codingFor(header)));
    }));
  });
});

describe("/metadata/ compressed", () => {
  const snapshot = Buffer.from(JSON.stringify({ meta: Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`bins-${at.toString(16)}.json`, { version: at }])) }));
  const files = new Map([["7.snapshot.json", snapshot], ["1.small.json", Buffer.from("{}")], ["timestamp.json", Buffer.alloc(5000, "a")]]);
  let made = 0;
  const app = createMetadataApp({
    read: async (name) => {
      const bytes = files.get(name);
      return bytes === undefined ? undefined : { bytes, token: "" as StorageToken };
    },
    compress: (bytes, coding) => {
      made++;
      return compress(bytes, coding);
    },
  }, createMemoryTelemetry(), DEFAULT_LIMITS);
  const get = (name: string, headers: Record<string, string> = {}, method: "GET" | "HEAD" = "GET") => app.inject({ method, url: `/metadata/${name}`, headers });

  for (const [coding, decode] of [["br", brotliDecompressSync], ["gzip", gunzipSync]] as const) {
    test(`${coding} decodes to the file, with its own length and entity tag; HEAD says the same`, async () => {
      const plain = await get("7.snapshot.json");
      const answer = await get("7.snapshot.json", { "accept-encoding": coding });
      assert.deepEqual(decode(answer.rawPayload), snapshot);
      assert.deepEqual([answer.headers["content-encoding"], answer.headers["content-length"], answer.headers.vary], [coding, String(answer.rawPayload.length), "accept-encoding"]);
      assert.ok(answer.rawPayload.length < snapshot.length / 2);
      assert.deepEqual([plain.headers["content-encoding"], plain.headers.vary, plain.headers["content-length"]], [undefined, "accept-encoding", String(snapshot.length)]);
      assert.notEqual(answer.headers.etag, plain.headers.etag);
      assert.equal(answer.headers["cache-control"], plain.headers["cache-control"]);
      const head = await get("7.snapshot.json", { "accept-encoding": coding }, "HEAD");
      const { date: _, ...said } = head.headers;
      const { date: __, ...before } = answer.headers;
      assert.deepEqual([head.rawPayload.length, said], [0, before]);
      const again = await get("7.snapshot.json", { "accept-encoding": coding, "if-none-match": String(answer.headers.etag) });
      assert.deepEqual([again.statusCode, again.headers.etag, again.headers.vary], [304, answer.headers.etag, "accept-encoding"]);
      assert.equal((await get("7.snapshot.json", { "accept-encoding": coding, "if-none-match": '"other"' })).statusCode, 200);
    });
  }

  test("each form is made once, also for many who ask at once; what is small, timestamp.json and a 404 go out as they are", async () => {
    made = 0;
    files.set("8.snapshot.json", Buffer.concat([snapshot, Buffer.from("\n")]));
    const answers = await Promise.all(Array.from({ length: 20 }, () => get("8.snapshot.json", { "accept-encoding": "br" })));
    assert.deepEqual([made, new Set(answers.map(({ headers }) => headers["content-encoding"])).size], [1, 1]);
    for (const name of ["1.small.json", "timestamp.json", "9.snapshot.json"]) {
      const answer = await get(name, { "accept-encoding": "gzip, br" });
      assert.equal(answer.headers["content-encoding"], undefined, name);
    }
    assert.equal((await get("timestamp.json")).headers.vary, undefined);
    assert.equal(made, 1);
  });
});

describe("forms", () => {
  const bytes = Buffer.alloc(4096);
  const hold = (): { readonly forms: Forms; readonly release: () => void; readonly asked: string[] } => {
    const asked: string[] = [];
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const forms = new Forms(async (_, coding: Coding) => {
      asked.push(coding);
      await promise;
      return Buffer.alloc(100);
    }, 1_000);
    return { forms, release: () => { resolve(undefined); }, asked };
  };

  test("two are made at a time; who comes meanwhile gets the file as it is", async () => {
    const { forms, release, asked } = hold();
    const first = [forms.of(bytes, "a", "br"), forms.of(bytes, "b", "br")];
    assert.equal(await forms.of(bytes, "c", "br"), undefined);
    const same = forms.of(bytes, "a", "br");
    release();
    assert.deepEqual((await Promise.all([...first, same])).map((form) => form?.length), [100, 100, 100]);
    assert.equal(asked.length, 2);
  });

  test("what is kept is bounded, the longest unused goes first; what is no smaller, or fails, is the file as it is", async () => {
    const { forms, release, asked } = hold();
    release();
    for (const hash of ["a", "b", "c", "d", "a", "e", "a"]) await forms.of(bytes, hash, "gzip");
    assert.equal(asked.length, 5);
    await forms.of(bytes, "b", "gzip");
    assert.equal(asked.length, 6);
    let calls = 0;
    const useless = new Forms(async (all) => { calls++; return all; });
    for (let n = 0; n < 3; n++) assert.equal(await useless.of(bytes, "a", "br"), undefined);
    assert.equal(calls, 1);
    const failing = new Forms(() => Promise.reject(new Error("no")));
    assert.equal(await failing.of(bytes, "a", "br"), undefined);
  });
});
