import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { FastifyRequest } from "fastify";
import { Aside, IMPORT_PATH } from "./aside.ts";

describe("an import that is read", () => {
  test("waits before each piece while somebody is served", async () => {
    const { aside, clock, arrive } = stage();
    const read = aside.before(pieces());
    assert.deepEqual((await read.next()).value, Buffer.of(1));
    assert.deepEqual(clock.slept, []);
    arrive("POST", "/api/v1/artifacts/");
    clock.now += 30;
    arrive("GET", "/metadata/:name");
    assert.deepEqual((await read.next()).value, Buffer.of(2));
    assert.deepEqual(clock.slept, [50]);
    assert.equal((await read.next()).done, true);
  });

  test("stands aside for who writes, not for who only reads, nor for imports", async () => {
    for (const [method, url, waits] of [["GET", "/metadata/:name", false], ["POST", IMPORT_PATH, false], ["POST", "/api/v1/artifacts/", true]] as const) {
      const { aside, clock, arrive } = stage();
      arrive(method, url);
      for await (const _ of aside.before(pieces()));
      assert.equal(clock.slept.length > 0, waits, url);
    }
  });
});

function stage() {
  const clock = {
    now: 1_000, slept: [] as number[],
    monotonic: () => clock.now,
    sleep: (ms: number) => {
      clock.slept.push(ms);
      clock.now += ms;
      return Promise.resolve();
    },
  };
  const aside = new Aside(clock);
  return { aside, clock, arrive: (method: string, url: string) => { aside.arrives({ method, routeOptions: { url } } as FastifyRequest); } };
}

async function* pieces(): AsyncGenerator<Uint8Array> {
  yield Buffer.of(1);
  await Promise.resolve();
  yield Buffer.of(2);
}
