// Idempotency-Key: on every request that changes something.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { tableOf } from "../../../src/api/app.ts";
import { createTestApi, HEADERS } from "./fixture.ts";

const { app } = await createTestApi();
const writes = tableOf(app).routes.filter(({ method }) => method !== "GET");

/** An accepted request of the route, from its own examples. */
function acceptedExample(route: (typeof writes)[number]) {
  const found = Object.values(route.docs.examples ?? {}).find(({ status }) => status === 202);
  return found === undefined ? undefined : { given: found.given, payload: found.body as object | undefined };
}

/** Routes whose examples show refusals alone, or which are accepted in few states: how they are accepted. */
const OTHERS: Readonly<Record<string, { readonly given: "bootstrapped" | "fresh"; readonly payload: object }>> = {
  "POST /api/v1/metadata/sign": { given: "bootstrapped", payload: { role: "root", signature: { keyid: "k", sig: "ab" } } },
};

/** Its key goes on where an upload broke off: import.test.ts. */
const STREAMED = "POST /api/v1/artifacts/import";

interface Body {
  readonly data: { readonly task_id: string; readonly last_update: string };
  readonly code?: string;
}

describe("Idempotency-Key", () => {
  for (const route of writes) {
    const name = `${route.method} ${route.path}`;
    const example = acceptedExample(route) ?? OTHERS[name];
    if (example === undefined || name === STREAMED) continue;
    test(`${name}: the same request is the same task, another body is refused`, async () => {
      const api = await createTestApi({ given: example.given });
      const send = async (key: string, payload: object | undefined, method = route.method) =>
        await api.app.inject({ method, url: route.path, headers: { ...HEADERS, "idempotency-key": key }, ...(payload === undefined ? {} : { payload }) });
      const first = await send("one", example.payload);
      assert.equal(first.statusCode, 202, first.body);
      const { task_id: id, last_update: at } = first.json<Body>().data;
      await api.clock.advance(5000);
      const again = await send("one", example.payload);
      assert.equal(again.statusCode, 202, again.body);
      assert.deepEqual([again.json<Body>().data.task_id, again.json<Body>().data.last_update], [id, at]);
      const other = await send("one", { ...example.payload, more: 1 });
      assert.equal(other.statusCode, 422);
      assert.equal(other.json<Body>().code, "idempotency-key-reused");
      const second = await send("two", example.payload);
      if (second.statusCode === 202) assert.notEqual(second.json<Body>().data.task_id, id);
    });
  }

  test("is honoured by every operation that changes something", () => {
    const tried = writes.filter((route) => (acceptedExample(route) ?? OTHERS[`${route.method} ${route.path}`]) !== undefined).map(({ method, path }) => `${method} ${path}`);
    // Accepted in one state alone: resources.test.ts, signing.test.ts and delegations/outside.test.ts have it.
    const elsewhere = ["POST /api/v1/bootstrap/", "POST /api/v1/metadata/sign/delete", "PUT /api/v1/delegations/{role}/metadata", STREAMED];
    assert.deepEqual(writes.map(({ method, path }) => `${method} ${path}`).filter((one) => !tried.includes(one) && !elsewhere.includes(one)), []);
  });

  test("of one token is not that of another, nor is that of another endpoint", async () => {
    const tokens = [{ sha256: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae", name: "a" }, { sha256: "fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9", name: "b" }];
    const api = await createTestApi({ settings: { tokens } });
    const send = async (token: string, path: string): Promise<string> => {
      const response = await api.app.inject({ method: "POST", url: path, headers: { ...HEADERS, "idempotency-key": "k", authorization: `Bearer ${token}` }, payload: { artifacts: [] } });
      assert.equal(response.statusCode, 202, response.body);
      return response.json<Body>().data.task_id;
    };
    const ids = [await send("foo", "/api/v1/artifacts/"), await send("bar", "/api/v1/artifacts/"), await send("foo", "/api/v1/artifacts/delete")];
    assert.equal(new Set(ids).size, 3);
    assert.equal(await send("foo", "/api/v1/artifacts"), ids[0]);
  });
});
