// Writes src/sdk/api-types.ts, the REST API in types, and src/sdk/api-answers.ts, what every answer has, from
// the OpenAPI document. `npm run openapi` does it after writing the document; a test says whether the files are
// as they would be written.

import { join } from "node:path";
import type { Shape } from "../src/sdk/shape.ts";

export const SDK_TYPES_FILE = join(import.meta.dirname, "..", "src", "sdk", "api-types.ts");
export const SDK_ANSWERS_FILE = join(import.meta.dirname, "..", "src", "sdk", "api-answers.ts");

/** What of OpenAPI 3.1 our routes use. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly description?: string;
}

type Content = Readonly<Record<string, { readonly schema?: Schema }>>;

interface Operation {
  readonly summary?: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean; readonly description?: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export function sdkTypesText(document: unknown): string {
  const { paths, components } = document as Document;
  const lines = ["// Written by `npm run openapi` from docs/api/openapi.json. Do not edit.", "", "/** A body that is no JSON, in pieces as they come. */", "export type Streamed = AsyncIterable<Uint8Array>;", ""];
  for (const [name, schema] of Object.entries(components.schemas)) {
    if (schema.description !== undefined) lines.push(comment(schema.description, ""));
    const text = typeOf(schema, "");
    lines.push(schema.type === "object" && text.startsWith("{") ? `export interface ${name} ${text}` : `export type ${name} = ${text};`, "");
  }
  lines.push("/** Every operation by method and path: what it takes and what it answers when it succeeds. */", "export interface Operations {");
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (operation.summary !== undefined) lines.push(comment(operation.summary, "  "));
      lines.push(`  readonly ${JSON.stringify(`${method.toUpperCase()} ${path}`)}: {`);
      lines.push(`    readonly path: ${parametersOf(operation, "path")};`);
      lines.push(`    readonly query: ${parametersOf(operation, "query")};`);
      lines.push(`    readonly body: ${bodyOf(operation)};`);
      lines.push(`    readonly answer: ${answerOf(operation)};`);
      lines.push("  };");
    }
  }
  lines.push("}", "");
  return lines.join("\n");
}

/** Nobody here depends on these, and other implementations of the contract leave them out. */
const UNREAD: ReadonlySet<string> = new Set(["message", "last_update"]);

/** What must be in an answer, by name of its operation: members that are always there, and of which kind. */
export function sdkAnswersText(document: unknown): string {
  const { paths, components } = document as Document;
  const lines = ["// Written by `npm run openapi` from docs/api/openapi.json. Do not edit.", "", 'import type { Operations } from "./api-types.ts";', 'import type { Shape } from "./shape.ts";', "", "/** What must be in an answer for it to be one of this API. */", "export const ANSWERS: Readonly<Record<keyof Operations, Shape>> = {"];
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, { responses }] of Object.entries(methods)) {
      const answers = Object.entries(responses).filter(([status]) => /^2/.test(status)).map(([, { content }]) => shapeOf(content?.["application/json"]?.schema ?? {}, components.schemas, []));
      lines.push(`  ${JSON.stringify(`${method.toUpperCase()} ${path}`)}: ${JSON.stringify(answers.length === 0 ? "unknown" : answers.reduce(common))},`);
    }
  }
  return [...lines, "};", ""].join("\n");
}

/** @param above names of schemas this one is in: a tree ends where it repeats itself */
function shapeOf(schema: Schema, schemas: Document["components"]["schemas"], above: readonly string[]): Shape {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1);
    return above.includes(name) ? "unknown" : shapeOf(schemas[name] ?? {}, schemas, [...above, name]);
  }
  if (schema.enum !== undefined || schema.const !== undefined) return "string";
  switch (schema.type) {
    case "string":
    case "boolean":
      return schema.type;
    case "integer":
    case "number":
      return "number";
    case "array":
      return [shapeOf(schema.items ?? {}, schemas, above)];
    case "object":
      return Object.fromEntries((schema.required ?? []).filter((name) => !UNREAD.has(name)).map((name) => [name, shapeOf(schema.properties?.[name] ?? {}, schemas, above)]));
    default:
      return "unknown";
  }
}

/** What two answers of one operation have in common. */
function common(one: Shape, other: Shape): Shape {
  if (typeof one !== "object" || typeof other !== "object" || Array.isArray(one) || Array.isArray(other)) return JSON.stringify(one) === JSON.stringify(other) ? one : "unknown";
  const second = other as Readonly<Record<string, Shape>>;
  return Object.fromEntries(Object.entries(one).flatMap(([name, shape]: [string, Shape]) => (second[name] === undefined ? [] : [[name, common(shape, second[name])]])));
}

/** `wait` and the headers are for the client to set. */
function parametersOf(operation: Operation, where: "path" | "query"): string {
  const found = (operation.parameters ?? []).filter((parameter) => parameter.in === where && parameter.name !== "wait");
  if (found.length === 0) return "undefined";
  const properties = Object.fromEntries(found.map(({ name, schema, description }) => [name, description === undefined ? schema : { ...schema, description }]));
  return typeOf({ type: "object", properties, required: found.filter(({ required }) => required === true).map(({ name }) => name), additionalProperties: false }, "    ");
}

function bodyOf(operation: Operation): string {
  if (operation.requestBody === undefined) return "undefined";
  const json = operation.requestBody.content["application/json"]?.schema;
  return json === undefined ? "Streamed" : typeOf(json, "    ");
}

function answerOf(operation: Operation): string {
  const answers = Object.entries(operation.responses).filter(([status]) => /^2/.test(status)).map(([, { content }]) => content?.["application/json"]?.schema);
  const types = new Set(answers.map((schema) => (schema === undefined ? "Streamed" : typeOf(schema, "    "))));
  return types.size === 0 ? "undefined" : [...types].join(" | ");
}

function typeOf(schema: Schema, indent: string): string {
  if (schema.$ref !== undefined) return schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return union(choices.map((choice) => typeOf(choice, indent)));
  if (schema.allOf !== undefined) return schema.allOf.map((part) => typeOf(part, indent)).join(" & ");
  const types = schema.type === undefined ? [] : [schema.type].flat();
  return types.length === 0 ? "unknown" : union(types.map((type) => simpleTypeOf(type, schema, indent)));
}

function simpleTypeOf(type: string, schema: Schema, indent: string): string {
  switch (type) {
    case "string":
    case "boolean":
    case "null":
      return type;
    case "integer":
    case "number":
      return "number";
    case "array":
      return `readonly ${inParentheses(typeOf(schema.items ?? {}, indent))}[]`;
    case "object":
      return objectOf(schema, indent);
    default:
      throw new Error(`the OpenAPI document has a type this does not know: ${type}`);
  }
}

function objectOf(schema: Schema, indent: string): string {
  const properties = Object.entries(schema.properties ?? {});
  const further = furtherOf(schema, indent);
  if (properties.length === 0) return `Readonly<Record<string, ${further ?? "unknown"}>>`;
  const required = new Set(schema.required ?? []);
  const lines = properties.flatMap(([name, property]) => {
    const member = `${indent}  readonly ${/^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name)}${required.has(name) ? "" : "?"}: ${typeOf(property, `${indent}  `)};`;
    return property.description === undefined ? [member] : [comment(property.description, `${indent}  `), member];
  });
  return ["{", ...lines, ...(schema.additionalProperties === true ? [`${indent}  readonly [name: string]: unknown;`] : []), `${indent}}`].join("\n");
}

function furtherOf(schema: Schema, indent: string): string | undefined {
  const patterns = Object.values(schema.patternProperties ?? {});
  if (patterns.length > 0) return union(patterns.map((pattern) => typeOf(pattern, indent)));
  return typeof schema.additionalProperties === "object" ? typeOf(schema.additionalProperties, indent) : undefined;
}

function union(types: readonly string[]): string {
  return types.includes("unknown") ? "unknown" : [...new Set(types)].join(" | ");
}

function inParentheses(type: string): string {
  return /^[\w<>, ]+$/.test(type) || type.startsWith("{") ? type : `(${type})`;
}

function comment(text: string, indent: string): string {
  return `${indent}/** ${text.replaceAll("*/", "* /").replaceAll(/\s+/g, " ")} */`;
}
