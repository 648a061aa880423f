// A file that lists artifacts, one a line, read in pieces. A line is a JSON object, either of a
// file to measure, {"file": "dist/app.tgz", "path": "app/app.tgz"}, or of an artifact that was
// measured elsewhere, {"path": "app.tgz", "length": 39, "hashes": {"sha256": "…"}}; both may
// hold "custom". Or it is `path;size;hash-type;hash`, as the Python CLI imported.

import { createReadStream } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { Artifact } from "../../../sdk/api-types.ts";
import { CliError, systemReason } from "../../errors.ts";
import { fromFields, fromJson as artifactIn, LineFault } from "../../import/lines.ts";
import { repositoryPath, type LocalFile } from "./local-files.ts";

const LINE_MAX_CHARACTERS = 64 * 1024;

export type Listed = Artifact | (LocalFile & { readonly custom?: Readonly<Record<string, unknown>> });

/** Files are named from where the manifest lies; from `cwd` when it comes from stdin. @throws CliError `file-unreadable` with the number of the line */
export async function* readManifest(name: string, options: { readonly cwd: string; readonly prefix: string | undefined; readonly stdin: Readable }): AsyncGenerator<Listed> {
  const place = resolve(options.cwd, name);
  const folder = name === "-" ? options.cwd : dirname(place);
  const input = name === "-" ? options.stdin : createReadStream(place);
  let at = 0;
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      at += 1;
      if (line.length > LINE_MAX_CHARACTERS) throw fault(name, at, `it is longer than ${LINE_MAX_CHARACTERS} characters`);
      const text = line.trim();
      if (text === "" || text.startsWith("#")) continue;
      yield withPrefix(text.startsWith("{") ? fromJson(text, folder, (why) => fault(name, at, why)) : understood(fromFields, text, (why) => fault(name, at, why)), options.prefix);
    }
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError("file-unreadable", `${name} cannot be read`, { why: systemReason(error), todo: "is it named as it lies from here, and may this user read it?", cause: error });
  }
}

type Refuse = (why: string) => CliError;

function fromJson(text: string, folder: string, refuse: Refuse): Listed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse("it is no JSON");
  }
  const { file, path, custom } = value as Readonly<Record<string, unknown>>;
  if (path !== undefined && typeof path !== "string") throw refuse("`path` is no text");
  if (custom !== undefined && !isRecord(custom)) throw refuse("`custom` is no object");
  const more = custom === undefined ? {} : { custom };
  if (typeof file === "string") return { file: resolve(folder, file), path: path ?? basename(file), ...more };
  if (path === undefined) throw refuse("it names neither a `file` nor a `path`");
  return understood(artifactIn, text, refuse);
}

function understood(read: (line: string) => Artifact, text: string, refuse: Refuse): Artifact {
  try {
    return read(text);
  } catch (error) {
    if (error instanceof LineFault) throw refuse(error.message);
    throw error;
  }
}

function withPrefix(listed: Listed, prefix: string | undefined): Listed {
  return { ...listed, path: repositoryPath(prefix, listed.path) };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fault(name: string, line: number, why: string): CliError {
  return new CliError("file-unreadable", `${name === "-" ? "stdin" : name}, line ${line}: ${why}`, { todo: 'a line is {"file": …}, {"path": …, "length": …, "hashes": {…}} or path;size;hash-type;hash' });
}
