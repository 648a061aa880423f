// What a line of a list of artifacts says. Three forms, told apart by the file's first line:
//
//   {"path": "a", "info": {"length": 1, "hashes": {…}}}   NDJSON, or with length and hashes beside path
//   path,length,sha256                                     CSV; its first line names the columns
//   a;1;sha256;5891b5…                                     as the Python CLI imports: path;size;hash-type;hash
//
// Paths and hashes are judged by the service; here a line is only understood.

import type { Artifact } from "../../sdk/api-types.ts";

export type ReadLine = (line: string) => Artifact;

/** Why a line says nothing; never thrown beyond what reads lines. */
export class LineFault extends Error {}

/** How the lines of a file read that begins so; CSV has spent its first line on names. */
export function formOf(first: string): { readonly read: ReadLine; readonly isHeader: boolean } {
  const text = first.trim();
  if (text.startsWith("{")) return { read: fromJson, isHeader: false };
  const names = columnsOf(text);
  return names === undefined ? { read: fromFields, isHeader: false } : { read: (line) => fromColumns(names, line), isHeader: true };
}

export function fromJson(line: string): Artifact {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new LineFault("it is no JSON");
  }
  if (!isRecord(value)) throw new LineFault("it is no JSON object");
  const { path, info, length, hashes, custom } = value;
  if (typeof path !== "string") throw new LineFault("`path` is missing, or no text");
  if (isRecord(info)) return { path, info: info as unknown as Artifact["info"] };
  if (typeof length !== "number" || !isRecord(hashes)) throw new LineFault("beside `path` it needs `info`, or `length` and `hashes`");
  return { path, info: { length, hashes: hashes as Readonly<Record<string, string>>, ...(custom === undefined ? {} : { custom: custom as Readonly<Record<string, unknown>> }) } };
}

/** A path may hold semicolons: the last three fields are the others. */
export function fromFields(line: string): Artifact {
  const fields = line.split(";");
  if (fields.length < 4) throw new LineFault("it is no `path;size;hash-type;hash`");
  const [size = "", algorithm = "", hash = ""] = fields.slice(-3);
  return { path: fields.slice(0, -3).join(";"), info: { length: sizeOf(size), hashes: { [algorithm]: hash } } };
}

const LENGTHS: ReadonlySet<string> = new Set(["length", "size", "bytes"]);

/** The columns, if that is what the line names: a path, a length, and hashes by their algorithm. */
function columnsOf(line: string): readonly string[] | undefined {
  const names = fieldsOf(line).map((name) => name.trim().toLowerCase());
  return names.includes("path") && names.some((name) => LENGTHS.has(name)) && names.length > 2 ? names : undefined;
}

function fromColumns(names: readonly string[], line: string): Artifact {
  const fields = fieldsOf(line);
  if (fields.length !== names.length) throw new LineFault(`it has ${fields.length} fields, and the first line names ${names.length}`);
  let path = "";
  let length = 0;
  const hashes: Record<string, string> = {};
  let custom: unknown;
  for (const [at, name] of names.entries()) {
    const field = fields[at] ?? "";
    if (name === "path") path = field;
    else if (LENGTHS.has(name)) length = sizeOf(field);
    else if (name === "custom") custom = field === "" ? undefined : jsonOf(field);
    else if (field !== "") hashes[name] = field;
  }
  return { path, info: { length, hashes, ...(custom === undefined ? {} : { custom: custom as Readonly<Record<string, unknown>> }) } };
}

/** RFC 4180, but for line breaks within a field: no path may hold one. */
function fieldsOf(line: string): string[] {
  if (!line.includes('"')) return line.split(",");
  const fields: string[] = [];
  for (const [, quoted, plain] of `,${line}`.matchAll(/,(?:"((?:[^"]|"")*)"|([^,]*))/g)) fields.push(quoted === undefined ? (plain ?? "") : quoted.replaceAll('""', '"'));
  return fields;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new LineFault("`custom` is no JSON");
  }
}

function sizeOf(text: string): number {
  if (!/^[0-9]{1,16}$/.test(text.trim())) throw new LineFault(`the size ${JSON.stringify(text.slice(0, 40))} is no number`);
  return Number(text);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
