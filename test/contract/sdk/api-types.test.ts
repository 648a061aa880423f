// The SDK's types are what the OpenAPI document says.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { OPENAPI_FILE } from "../../../tools/openapi.ts";
import { SDK_TYPES_FILE, sdkTypesText } from "../../../tools/sdk-types.ts";

describe("src/sdk/api-types.ts", () => {
  test("is what `npm run openapi` writes", () => {
    const isCurrent = readFileSync(SDK_TYPES_FILE, "utf8") === sdkTypesText(JSON.parse(readFileSync(OPENAPI_FILE, "utf8")));
    assert.ok(isCurrent, "run `npm run openapi`");
  });

  test("types of OpenAPI become types of TypeScript", () => {
    const text = sdkTypesText({
      components: { schemas: { A: { type: "object", required: ["x"], properties: { x: { type: ["string", "null"] }, "y-z": { type: "array", items: { anyOf: [{ type: "integer" }, { $ref: "#/components/schemas/B" }] } } } }, B: { const: "b" }, C: { type: "object", additionalProperties: { type: "boolean" } } } },
      paths: { "/p/{id}": { get: { parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }], responses: { 200: { content: { "text/plain": {} } } } } } },
    });
    assert.match(text, /export interface A \{\n {2}readonly x: string \| null;\n {2}readonly "y-z"\?: readonly \(number \| B\)\[\];\n\}/);
    assert.match(text, /export type B = "b";/);
    assert.match(text, /export type C = Readonly<Record<string, boolean>>;/);
    assert.match(text, /"GET \/p\/\{id\}": \{\n {4}readonly path: \{\n {6}readonly id: string;\n {4}\};\n {4}readonly query: undefined;\n {4}readonly body: undefined;\n {4}readonly answer: Streamed;/);
  });
});
