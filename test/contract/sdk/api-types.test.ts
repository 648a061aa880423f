// The SDK's types, and what it wants of an answer, are what the OpenAPI document says.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { OPENAPI_FILE } from "../../../tools/openapi.ts";
import { SDK_ANSWERS_FILE, SDK_TYPES_FILE, sdkAnswersText, sdkTypesText } from "../../../tools/sdk-types.ts";

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

describe("src/sdk/api-answers.ts", () => {
  test("is what `npm run openapi` writes", () => {
    const isCurrent = readFileSync(SDK_ANSWERS_FILE, "utf8") === sdkAnswersText(JSON.parse(readFileSync(OPENAPI_FILE, "utf8")));
    assert.ok(isCurrent, "run `npm run openapi`");
  });

  test("holds what every good answer has, deep down, and ends where a schema repeats itself", () => {
    const json = (schema: unknown): unknown => ({ content: { "application/json": { schema } } });
    const text = sdkAnswersText({
      components: { schemas: { Tree: { type: "object", required: ["name", "below"], properties: { name: { enum: ["a"] }, below: { type: "array", items: { $ref: "#/components/schemas/Tree" } } } } } },
      paths: { "/p": { get: { responses: { 200: json({ $ref: "#/components/schemas/Tree" }), 422: json({ type: "string" }) } }, post: { responses: { 200: json({ type: "object", required: ["n", "x"], properties: { n: { type: "integer" } } }), 202: json({ type: "object", required: ["n", "y", "message"], properties: { n: { type: "integer" } } }) } } } },
    });
    assert.match(text, /"GET \/p": \{"name":"string","below":\["unknown"\]\},\n {2}"POST \/p": \{"n":"number"\},/);
  });
});
