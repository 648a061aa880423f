// Millions of artifacts come in, line by line, and become one task.
//
// Lines are checked like any request's and written ahead in pieces, each durable before more is read: so
// memory is bounded, and whoever sends too fast waits. An import with a key outlives its connection; sent again
// with the number of lines that are durable (`after`), it goes on there. It is accepted when its end has been
// read: what was accepted before, also while it was being sent, is older, and what comes after is newer.
// A line with a fault refuses the request; the lines before it stay, so that a corrected rest can follow.

import { nextTurn } from "../lib/turn.ts";
import { DatabaseError, type NewChange } from "../ports/database.ts";
import type { Json, JsonObject } from "../tuf/documents.ts";
import { binIndexOf } from "../tuf/bins.ts";
import { TufError } from "../tuf/errors.ts";
import { parseTargetPath } from "../tuf/paths.ts";
import { parseTargetFile, targetFileFaults } from "../tuf/target.ts";
import { theirs } from "./add-artifacts.ts";
import { requireBootstrap } from "./bootstrap-state.ts";
import { newTaskId, submit, type OperationDeps, type Submitted } from "./deps.ts";
import { FaultList, LISTED_FAULTS, OperationError } from "./errors.ts";

/** One line: a value, or why there is none. */
export type ImportLine =
  | { readonly line: number; readonly value: Json }
  | { readonly line: number; readonly fault: { readonly code: string; readonly message: string; readonly at: readonly (string | number)[] } };

export interface ImportRequest {
  /** In the order of arrival, numbered from 1 without a gap. */
  readonly lines: AsyncIterable<readonly ImportLine[]>;
  readonly principal: string;
  /** Who names it again goes on with it. Without one the import ends with its connection. */
  readonly key: string | undefined;
  /** Line 1 of this request is line `after` + 1 of the import. */
  readonly after: number;
  /** Look at every line, keep nothing. */
  readonly dryRun: boolean;
}

export interface Imported {
  /** Undefined after a dry run. */
  readonly submitted: Submitted | undefined;
  readonly lines: number;
  /** Lines that made no change, for no role lists their path. */
  readonly invalid: number;
}

/**
 * So many changes are written at a time; an upload that breaks off repeats no more. Each is a run, of which whoever publishes reads and
 * removes a few neighbours at a time: in 61 runs a change costs the database 34 microseconds of CPU, in 30 it costs 29, and in 7 no less.
 */
const PIECE = 32_768;
/** How many lines are checked before others get their turn: a millisecond with the reading of them. */
const SLICE = 50;

/**
 * @throws OperationError `bootstrap-required` | `import-gap` (lines are missing before these) | `import-elsewhere`
 *         (another request goes on with it); InvalidRequest with the faults by line; DatabaseError as `Database.accept`
 */
export async function importArtifacts(deps: OperationDeps, request: ImportRequest): Promise<Imported> {
  await requireBootstrap(deps.database);
  if (request.dryRun) {
    const reader = new Reader(deps, await deps.owners.current(), (await deps.owners.outside()).roles, 0);
    for await (const lines of request.lines) await reader.read(lines, request.after);
    reader.faults.raise();
    return { submitted: undefined, lines: reader.lines, invalid: reader.invalid };
  }

  const writer = newTaskId(deps.random);
  const task = newTaskId(deps.random);
  // A key of a caller holds no space.
  const key = request.key ?? `unnamed ${task}`;
  const limits = { maxChanges: deps.limits.importArtifacts, maxOpen: deps.limits.openImports };
  const state = await deps.database.openImport({ task, principal: request.principal, key, writer, ...limits });
  if (state.accepted) {
    const row = await deps.database.getTask(state.task);
    return { submitted: { taskId: state.task, acceptedMs: row?.createdMs ?? deps.clock.now() }, lines: state.lines, invalid: state.invalid };
  }
  const keep = new Pieces(deps, state.task, writer, state);
  let complete = false;
  try {
    if (request.after > state.lines) throw new OperationError("import-gap", `of this import ${String(state.lines)} lines are stored; ${String(request.after)} were to come before these`);
    const reader = new Reader(deps, await deps.owners.current(), (await deps.owners.outside()).roles, state.lines);
    try {
      for await (const lines of request.lines) {
        await reader.read(lines, request.after);
        if (reader.changes.length >= PIECE) await keep.add(reader);
      }
    } finally {
      // Also when the connection broke: what came is worth keeping.
      if (request.key !== undefined || reader.faults.empty) await keep.add(reader);
      await keep.ended();
    }
    reader.faults.raise();
    const submitted = await accept(deps, state.task, writer, keep);
    complete = true;
    return { submitted, lines: keep.lines, invalid: keep.invalid };
  } catch (error) {
    if (error instanceof DatabaseError && error.code === "stale-base") {
      throw new OperationError("import-elsewhere", "another request goes on with this import", { cause: error });
    }
    throw error;
  } finally {
    if (!complete && request.key === undefined) await deps.database.dropImport(state.task, writer).catch(() => undefined);
  }
}

/** How far an import is, or undefined when there is none of that key. */
export async function findImport(deps: OperationDeps, principal: string, key: string): Promise<{ readonly taskId: string | undefined; readonly lines: number; readonly invalid: number } | undefined> {
  const state = await deps.database.findImport(principal, key);
  return state && { taskId: state.accepted ? state.task : undefined, lines: state.lines, invalid: state.invalid };
}

function accept(deps: OperationDeps, task: string, writer: string, { lines, invalid }: Pieces): Promise<Submitted> {
  const now = deps.clock.now();
  return submit(
    deps,
    {
      task: { id: task, kind: "import_artifacts", createdMs: now, request: { imported: { lines, invalid } } },
      changes: [],
      held: false,
      import: { writer, lines },
      ...(lines > invalid ? {} : {
        result: { state: "SUCCESS" as const, message: "Artifact(s) imported", details: { lines, imported_artifacts: 0, invalid_paths: invalid }, lastUpdateMs: now },
      }),
    },
    undefined,
  );
}

/**
 * What is written, and by how much it grows. One piece is written while the next is read: whoever sends waits for the
 * slower of the two, not for both.
 */
class Pieces {
  readonly #deps: OperationDeps;
  readonly #task: string;
  readonly #writer: string;
  #writing: Promise<void> = Promise.resolve();
  lines: number;
  invalid: number;

  constructor(deps: OperationDeps, task: string, writer: string, { lines, invalid }: { readonly lines: number; readonly invalid: number }) {
    this.#deps = deps;
    this.#task = task;
    this.#writer = writer;
    this.lines = lines;
    this.invalid = invalid;
  }

  /** Begins to write what was read. @throws what the piece before threw */
  async add(reader: Reader): Promise<void> {
    const taken = reader.taken();
    await this.#writing;
    this.#writing = this.#write(taken);
    this.#writing.catch(() => undefined);
  }

  /** Resolves when everything is written. */
  ended(): Promise<void> {
    return this.#writing;
  }

  async #write({ changes, lines, invalid }: ReturnType<Reader["taken"]>): Promise<void> {
    if (lines <= this.lines) return;
    await this.#deps.database.stageImport({ task: this.#task, writer: this.#writer, after: this.lines, lines, invalid, changes });
    this.lines = lines;
    this.invalid += invalid;
  }
}

/** Checks lines; keeps the changes they make, up to the first fault. */
class Reader {
  readonly faults = new FaultList();
  changes: NewChange[] = [];
  /** Lines without a fault before them, of the whole import. */
  lines: number;
  invalid = 0;
  readonly #deps: OperationDeps;
  readonly #ownerOf: (path: string) => string | undefined;
  readonly #outside: ReadonlySet<string>;
  readonly #skip: number;
  #total = 0;
  #read = 0;

  constructor(deps: OperationDeps, ownerOf: (path: string) => string | undefined, outside: ReadonlySet<string>, stored: number) {
    this.#outside = outside;
    this.#deps = deps;
    this.#ownerOf = ownerOf;
    this.#skip = stored;
    this.lines = stored;
  }

  /** @throws InvalidRequest when there are as many faults as a refusal lists */
  async read(lines: readonly ImportLine[], after: number): Promise<void> {
    for (const line of lines) {
      if (++this.#read % SLICE === 0) await nextTurn();
      const number = after + line.line;
      if (number > this.#skip) this.#one(line, number);
    }
  }

  taken(): { readonly changes: readonly NewChange[]; readonly lines: number; readonly invalid: number } {
    const { changes, lines, invalid } = this;
    this.changes = [];
    this.invalid = 0;
    return { changes, lines, invalid };
  }

  #one(line: ImportLine, number: number): void {
    if ("fault" in line) {
      this.#fault(number, line.fault.at, line.fault.message, line.fault.code);
      return;
    }
    const change = this.#changeOf(line.value, number);
    if (!this.faults.empty) return;
    this.lines = number;
    if (change === "nobody's") this.invalid += 1;
    else if (change !== "none") this.changes.push(change);
    if (++this.#total > this.#deps.limits.importArtifacts) this.#fault(number, [], `an import holds at most ${String(this.#deps.limits.importArtifacts)} lines`, "import-too-large");
  }

  #changeOf(value: Json, number: number): NewChange | "nobody's" | "none" {
    if (!isRecord(value)) return this.#fault(number, [], "a line is an object with path and info", "artifact");
    const { path, info } = value;
    const other = Object.keys(value).find((name) => name !== "path" && name !== "info");
    if (other !== undefined) return this.#fault(number, [other.slice(0, 64)], "is no member of an artifact: path and info are", "artifact");
    if (typeof path !== "string") return this.#fault(number, ["path"], "is missing, or no text", "artifact");
    if (info === undefined || !isRecord(info)) return this.#fault(number, ["info"], "is missing, or no object", "artifact");
    const { length, hashes, custom } = info;
    const unknown = Object.keys(info).find((name) => name !== "length" && name !== "hashes" && name !== "custom");
    if (unknown !== undefined) return this.#fault(number, ["info", unknown.slice(0, 64)], "is no member of info: length, hashes and custom are", "artifact");
    const target: Record<string, Json> = { length: length ?? null, hashes: hashes ?? null };
    if (custom !== undefined && custom !== null) target["custom"] = custom;
    const limits = { customBytes: this.#deps.limits.customBytes };
    try {
      const checked: string = parseTargetPath(path);
      const { fragment } = parseTargetFile(target, limits);
      const role = this.#ownerOf(checked);
      if (role !== undefined && this.#outside.has(role)) return this.#fault(number, ["path"], theirs(role, [], "").rule, "role-outside");
      return role === undefined ? "nobody's" : { kind: "add", role, path: checked, fragment, place: binIndexOf(32, checked) };
    } catch (error) {
      if (!(error instanceof TufError)) throw error;
      if (error.code === "target-path") this.#fault(number, ["path"], error.message, error.code);
      for (const fault of targetFileFaults(target, limits)) this.#fault(number, ["info", ...fault.at], `${fault.at.join(".")} ${fault.message}`, fault.code);
      return "none";
    }
  }

  /** No change comes of that line. */
  #fault(line: number, at: readonly (string | number)[], rule: string, code: string): "none" {
    this.faults.add({ at: [line, ...at], rule: `line ${String(line)}: ${rule}`, code });
    if (this.faults.count >= LISTED_FAULTS) this.faults.raise();
    return "none";
  }
}

function isRecord(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
