// The checked-in OpenAPI document is what the routes say, and says what is answered.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { tableOf } from "../../../src/api/app.ts";
import { OPENAPI_FILE, openApiText } from "../../../tools/openapi.ts";
import { createTestApi, HEADERS } from "./fixture.ts";

interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, { responses: Record<string, unknown>; operationId: string }>>;
  readonly components: { readonly schemas: Record<string, unknown> };
}

describe("docs/api/openapi.json", () => {
  test("is what `npm run openapi` writes", async () => {
    assert.equal(readFileSync(OPENAPI_FILE, "utf8"), await openApiText());
  });

  test("is version 3.1, every reference in it leads somewhere, and no operation id stands twice", () => {
    const document = JSON.parse(readFileSync(OPENAPI_FILE, "utf8")) as Document;
    assert.match(document.openapi, /^3\.1\./);
    const text = JSON.stringify(document);
    for (const [, name] of text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) assert.ok(document.components.schemas[name!], name);
    const ids = Object.values(document.paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId));
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(ids.length >= 10);
  });

  test("is served at /openapi.json", async () => {
    const { app } = await createTestApi();
    const response = await app.inject({ url: "/openapi.json", headers: HEADERS });
    assert.deepEqual(response.json<Document>().paths, (JSON.parse(readFileSync(OPENAPI_FILE, "utf8")) as Document).paths);
    await app.close();
  });
});

describe("the examples of the OpenAPI document are answered as they say", async () => {
  const { app } = await createTestApi();
  const { routes } = tableOf(app);
  for (const route of routes) {
    for (const [name, example] of Object.entries(route.docs.examples ?? {})) {
      test(`${route.method} ${route.path}: ${name}`, async () => {
        const { app: fresh } = await createTestApi({ given: example.given });
        const response = await fresh.inject({
          method: route.method,
          headers: example.lines === undefined ? HEADERS : { ...HEADERS, "content-type": "application/x-ndjson" },
          url: route.path.replaceAll(/\{([a-z]+)\}/g, (_, member: string) => example.params?.[member] ?? ""),
          ...(example.query === undefined ? {} : { query: { ...example.query } }),
          ...(example.lines === undefined ? {} : { payload: example.lines.map((line) => `${JSON.stringify(line)}\n`).join("") }),
          ...(example.body === undefined ? {} : { payload: example.body as object }),
        });
        assert.equal(response.statusCode, example.status, response.body);
        assert.deepEqual(withoutIds(response.json()), withoutIds(example.answer));
        await fresh.close();
      });
    }
  }

  test("every operation has one", () => {
    for (const route of routes) assert.ok(Object.keys(route.docs.examples ?? {}).length > 0, `${route.method} ${route.path}`);
  });
});

/** Task ids and times differ from run to run; their form does not. */
function withoutIds(value: unknown, key = ""): unknown {
  if (typeof value === "string" && key === "task_id") return value.replace(/^[0-9a-f]{32}$/, "<id>");
  if (typeof value === "string" && key === "last_update") return value.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z$/, "<time>");
  if (Array.isArray(value)) return value.map((item) => withoutIds(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutIds(member, name)]));
}
