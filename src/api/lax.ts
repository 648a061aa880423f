// Reads values by their schema as the contract does: laxly where existing integrations rely
// on it (`"630"` for an integer, `"yes"` for a boolean), with pydantic's words where not.
//
// It knows the small part of JSON Schema that the routes use, and walks schema and value
// together. Mended values replace what was sent, in place; where the schema is unknown,
// nothing is looked at or touched, so that raw documents stay raw. Members that a schema does
// not name are ignored, as in the contract.

import { nextTurn } from "../lib/turn.ts";
import { own } from "../lib/own.ts";
import { DetailList, type Loc } from "./faults.ts";

/** The part of JSON Schema understood here. */
export interface LaxSchema {
  readonly type?: string;
  readonly properties?: { readonly [name: string]: LaxSchema };
  readonly required?: readonly string[];
  readonly additionalProperties?: LaxSchema | boolean;
  readonly propertyNames?: { readonly enum: readonly string[] };
  readonly items?: LaxSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  /** Two members: something, and null. */
  readonly anyOf?: readonly LaxSchema[];
  /** Of strings. */
  readonly enum?: readonly string[];
  readonly default?: unknown;
}

/** Items of a list that are read before others get their turn. */
const SLICE = 1000;

/**
 * The body, mended. Long lists directly inside it are read in slices, so that other requests
 * go on meanwhile.
 * @throws SchemaRefusal
 */
export async function readBody(schema: LaxSchema, body: unknown): Promise<unknown> {
  const faults = new DetailList();
  if (body === undefined) {
    faults.add({ type: "missing", loc: ["body"], msg: "Field required", input: null });
    faults.raise();
  }
  const long = isRecord(body) && schema.properties !== undefined ? longLists(schema, body) : [];
  for (const { name, items, list } of long) {
    const loc = ["body", name];
    for (let from = 0; from < list.length && !faults.full; from += SLICE) {
      if (from > 0) await nextTurn();
      readItems(items, list, loc, faults, from, Math.min(from + SLICE, list.length));
    }
  }
  const done = new Set<unknown>(long.map(({ list }) => list));
  const value = read(schema, body, ["body"], faults, done);
  faults.raise();
  return value;
}

/** Query parameters: what stands twice counts as it stands last. @throws SchemaRefusal */
export function readQuery(schema: LaxSchema, query: unknown): unknown {
  const faults = new DetailList();
  const last = Object.fromEntries(Object.entries(query ?? {}).map(([name, value]: [string, unknown]) => [name, Array.isArray(value) ? (value.at(-1) as unknown) : value]));
  for (const name of schema.required ?? []) {
    // The contract shows null, not the other parameters.
    if (!Object.hasOwn(last, name)) faults.add({ type: "missing", loc: ["query", name], msg: "Field required", input: null });
  }
  faults.raise();
  const value = read(schema, last, ["query"], faults, new Set());
  faults.raise();
  return value;
}

interface LongList {
  readonly name: string;
  readonly items: LaxSchema;
  readonly list: unknown[];
}

function longLists(schema: LaxSchema, body: Record<string, unknown>): readonly LongList[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const list = own(body, name);
    if (property.type !== "array" || property.items === undefined || !Array.isArray(list)) return [];
    if (list.length <= SLICE || (property.maxItems !== undefined && list.length > property.maxItems)) return [];
    return [{ name, items: property.items, list: list as unknown[] }];
  });
}

function read(schema: LaxSchema, value: unknown, loc: Loc, faults: DetailList, done: ReadonlySet<unknown>): unknown {
  if (schema.anyOf !== undefined) return value === null ? null : read(schema.anyOf.find(({ type }) => type !== "null") ?? {}, value, loc, faults, done);
  switch (schema.type) {
    case "integer":
      return readInteger(schema, value, loc, faults);
    case "boolean":
      return readBoolean(value, loc, faults);
    case "string":
      if (typeof value !== "string") faults.add({ type: "string_type", loc, msg: "Input should be a valid string", input: value });
      else if (schema.enum?.includes(value) === false) {
        const expected = listed(schema.enum.map((one) => `'${one}'`));
        faults.add({ type: "literal_error", loc, msg: `Input should be ${expected}`, input: value, ctx: { expected } });
      }
      return value;
    case "array":
      return readList(schema, value, loc, faults, done);
    case "object":
      return schema.properties === undefined ? readDictionary(schema, value, loc, faults) : readModel(schema, value, loc, faults, done);
    default:
      return value;
  }
}

function readModel(schema: LaxSchema, value: unknown, loc: Loc, faults: DetailList, done: ReadonlySet<unknown>): unknown {
  if (!isRecord(value)) {
    faults.add({ type: "model_attributes_type", loc, msg: "Input should be a valid dictionary or object to extract fields from", input: value });
    return value;
  }
  const required = new Set(schema.required ?? []);
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (!Object.hasOwn(value, name)) {
      if (required.has(name)) faults.add({ type: "missing", loc: [...loc, name], msg: "Field required", input: value });
      else if (property.default !== undefined) value[name] = property.default;
      continue;
    }
    value[name] = read(property, value[name], [...loc, name], faults, done);
  }
  return value;
}

function readDictionary(schema: LaxSchema, value: unknown, loc: Loc, faults: DetailList): unknown {
  if (!isRecord(value)) {
    faults.add({ type: "dict_type", loc, msg: "Input should be a valid dictionary", input: value });
    return value;
  }
  const values = typeof schema.additionalProperties === "object" ? schema.additionalProperties : {};
  for (const name of Object.keys(value)) {
    const allowed = schema.propertyNames?.enum;
    if (allowed !== undefined && !allowed.includes(name)) {
      const expected = listed(allowed.map((one) => `'${one}'`));
      faults.add({ type: "literal_error", loc: [...loc, name.slice(0, 200), "[key]"], msg: `Input should be ${expected}`, input: name, ctx: { expected } });
    }
    value[name] = read(values, value[name], [...loc, name.slice(0, 200)], faults, new Set());
  }
  return value;
}

function readList(schema: LaxSchema, value: unknown, loc: Loc, faults: DetailList, done: ReadonlySet<unknown>): unknown {
  if (!Array.isArray(value)) {
    faults.add({ type: "list_type", loc, msg: "Input should be a valid list", input: value });
    return value;
  }
  const { minItems, maxItems } = schema;
  if (minItems !== undefined && value.length < minItems) {
    const msg = `List should have at least ${minItems} item${minItems === 1 ? "" : "s"} after validation, not ${value.length}`;
    faults.add({ type: "too_short", loc, msg, input: value, ctx: { field_type: "List", min_length: minItems, actual_length: value.length } });
  }
  if (maxItems !== undefined && value.length > maxItems) {
    const msg = `List should have at most ${maxItems} items after validation, not ${value.length}`;
    faults.add({ type: "too_long", loc, msg, input: value, ctx: { field_type: "List", max_length: maxItems, actual_length: value.length } });
    return value;
  }
  if (schema.items !== undefined && !done.has(value)) readItems(schema.items, value as unknown[], loc, faults, 0, value.length);
  return value;
}

function readItems(items: LaxSchema, list: unknown[], loc: Loc, faults: DetailList, from: number, to: number): void {
  for (let index = from; index < to && !faults.full; index++) {
    list[index] = read(items, list[index], [...loc, index], faults, new Set());
  }
}

/** Digits as pydantic reads them from strings; longer ones exceed every bound. */
const INTEGER_TEXT = /^[ \t\r\n]*[+-]?[0-9]{1,30}(?:\.0{1,30})?[ \t\r\n]*$/;

function readInteger(schema: LaxSchema, value: unknown, loc: Loc, faults: DetailList): unknown {
  let number: number;
  if (typeof value === "number") number = value;
  else if (typeof value === "boolean") number = value ? 1 : 0;
  else if (typeof value === "string" && value.length <= 80 && INTEGER_TEXT.test(value)) number = Number(value);
  else if (typeof value === "string") {
    faults.add({ type: "int_parsing", loc, msg: "Input should be a valid integer, unable to parse string as an integer", input: value });
    return value;
  } else {
    faults.add({ type: "int_type", loc, msg: "Input should be a valid integer", input: value });
    return value;
  }
  if (!Number.isInteger(number)) {
    faults.add({ type: "int_from_float", loc, msg: "Input should be a valid integer, got a number with a fractional part", input: value });
    return value;
  }
  checkBounds(schema, number, value, loc, faults);
  return number === 0 ? 0 : number;
}

function checkBounds(schema: LaxSchema, number: number, value: unknown, loc: Loc, faults: DetailList): void {
  const bound = (broken: boolean, type: string, words: string, ctx: Record<string, number>): void => {
    if (broken) faults.add({ type, loc, msg: `Input should be ${words}`, input: value, ctx });
  };
  const { exclusiveMinimum: gt, exclusiveMaximum: lt, minimum: ge, maximum: le } = schema;
  if (gt !== undefined) bound(number <= gt, "greater_than", `greater than ${gt}`, { gt });
  if (lt !== undefined) bound(number >= lt, "less_than", `less than ${lt}`, { lt });
  if (ge !== undefined) bound(number < ge, "greater_than_equal", `greater than or equal to ${ge}`, { ge });
  if (le !== undefined) bound(number > le, "less_than_equal", `less than or equal to ${le}`, { le });
}

const TRUE_WORDS: ReadonlySet<unknown> = new Set([1, "1", "true", "t", "yes", "y", "on"]);
const FALSE_WORDS: ReadonlySet<unknown> = new Set([0, "0", "false", "f", "no", "n", "off"]);

function readBoolean(value: unknown, loc: Loc, faults: DetailList): unknown {
  if (typeof value === "boolean") return value;
  const word = typeof value === "string" && value.length <= 5 ? value.toLowerCase() : value;
  if (TRUE_WORDS.has(word)) return true;
  if (FALSE_WORDS.has(word)) return false;
  if (typeof value === "string" || typeof value === "number") {
    faults.add({ type: "bool_parsing", loc, msg: "Input should be a valid boolean, unable to interpret input", input: value });
  } else {
    faults.add({ type: "bool_type", loc, msg: "Input should be a valid boolean", input: value });
  }
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} or ${words.at(-1) ?? ""}`;
}
