// Reads the configuration from flags, environment and a YAML file, in that order of
// precedence, and refuses it as a whole with every fault listed, or returns it frozen.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, resolve } from "node:path";
import type * as Yaml from "yaml";
import { AppError } from "../lib/app-error.ts";
import { contradictions } from "./contradictions.ts";
import { environmentName, type Environment } from "./environment.ts";
import { LEGACY_NAMES, readLegacy } from "./legacy.ts";
import { type Config, SETTINGS } from "./schema.ts";
import { Secret } from "./secret.ts";
import { Refusal } from "./setting.ts";

export interface ConfigInput {
  /** Values from the command line by key, e.g. `{ "server.port": "9000" }`. Undefined: not given. */
  readonly flags?: Readonly<Record<string, string | boolean | undefined>>;
  /** The YAML file; else the one `RSTUF_CONFIG` names; else none. */
  readonly configFile?: string | undefined;
  readonly environment: Environment;
  /** What relative paths in flags, environment and defaults are relative to. Those in the file are relative to its folder. */
  readonly cwd: string;
  /** `no-api`: a worker, or a command; nothing will listen at `server.host`, whatever it says. */
  readonly purpose?: "api" | "no-api";
}

export interface LoadedConfig {
  readonly config: Config;
  /** One sentence each. */
  readonly warnings: readonly string[];
}

export interface ConfigFault {
  /** The key, or what stands in its place. */
  readonly key: string;
  /** Where the value came from: a flag, a variable, a file with its line. */
  readonly source: string;
  /** What is wrong and what to write instead. Never holds a secret. */
  readonly message: string;
}

/** The configuration cannot be used. Lists every fault there is. */
export class ConfigError extends AppError<"config-invalid"> {
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    const lines = faults.map(({ key, source, message }) => `  ${key} (${source}): ${message}`);
    super("config-invalid", `The configuration has ${faults.length === 1 ? "a fault" : `${faults.length} faults`}:\n${lines.join("\n")}`);
    this.faults = faults;
  }
}

/** YAML's library is loaded when there is a file: 72 modules, 50 ms of CPU. */
const load = createRequire(import.meta.url);

interface Raw {
  readonly raw: unknown;
  readonly source: string;
  readonly folder: string;
}

/** @throws ConfigError */
export function loadConfig(input: ConfigInput): LoadedConfig {
  const faults: ConfigFault[] = [];
  const legacy = readLegacy(input.environment, environmentName);
  const warnings = [...legacy.warnings];
  warnings.push(...unknownVariables(input.environment));
  const fromFile = readFile(input, faults);

  const values = new Map<string, unknown>();
  const sources = new Map<string, string>();
  for (const [key, setting] of SETTINGS) {
    const found = find(key, setting.flag, input, fromFile, legacy.values);
    if (found === undefined) {
      values.set(key, defaultOf(key, setting.value, values, input.cwd));
      continue;
    }
    sources.set(key, found.source);
    try {
      values.set(key, setting.read(found.raw, found.folder));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      faults.push({ key, source: found.source, message: `${setting.secret || setting.print !== undefined ? "the value" : shorten(found.raw)} ${error.message}` });
      values.set(key, defaultOf(key, setting.value, values, input.cwd));
    }
  }
  readSecretFiles(values, sources, faults);
  const config = assemble(values);
  for (const { keys, message } of contradictions(config, new Set(sources.keys()), input.purpose ?? "api")) {
    const given = keys.filter((key) => sources.has(key)).map((key) => `${key} from ${sources.get(key) ?? ""}`);
    faults.push({ key: keys.join(", "), source: given.length === 0 ? "default" : given.join("; "), message });
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return { config, warnings };
}

/** The configuration as `[key, value]` lines to log at start; secrets only say that they are set. */
export function printable(config: Config): Readonly<Record<string, unknown>> {
  const shown: Record<string, unknown> = {};
  for (const [key, { print }] of SETTINGS) {
    const value = key.split(".").reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], config);
    if (value !== undefined) shown[key] = value instanceof Secret ? "[secret]" : print === undefined ? value : print(value);
  }
  return shown;
}

function find(key: string, flag: string | undefined, input: ConfigInput, fromFile: ReadonlyMap<string, Raw>, legacy: ReadonlyMap<string, { raw: string; name: string }>): Raw | undefined {
  const given = input.flags?.[key];
  if (given !== undefined) return { raw: given, source: flag ?? "command line", folder: input.cwd };
  const name = environmentName(key);
  const variable = input.environment[name];
  if (variable !== undefined && variable !== "") return { raw: variable, source: name, folder: input.cwd };
  const old = legacy.get(key);
  if (old !== undefined) return { raw: old.raw, source: old.name, folder: input.cwd };
  return fromFile.get(key);
}

/** Folders that lie in the data directory unless told otherwise. `dataDir` stands before them in the table. */
const IN_DATA_DIR: Readonly<Record<string, string>> = { keyDir: "keys", "metadata.directory": "metadata" };

function defaultOf(key: string, value: unknown, values: ReadonlyMap<string, unknown>, cwd: string): unknown {
  const inside = IN_DATA_DIR[key];
  if (inside !== undefined) return resolve(String(values.get("dataDir")), inside);
  return key === "dataDir" ? resolve(cwd, String(value)) : value;
}

/** A secret `x` that is not given is the first line of the file that `xFile` names. */
function readSecretFiles(values: Map<string, unknown>, sources: ReadonlyMap<string, string>, faults: ConfigFault[]): void {
  for (const [key, setting] of SETTINGS) {
    if (!setting.secret) continue;
    const path = values.get(`${key}File`);
    if (typeof path !== "string" || sources.has(key)) continue;
    const line = readFileSync(path, "utf8").split(/\r?\n/, 1)[0] ?? "";
    if (line === "") faults.push({ key: `${key}File`, source: sources.get(`${key}File`) ?? "", message: "should name a file whose first line is not empty" });
    else values.set(key, new Secret(line));
  }
}

function readFile(input: ConfigInput, faults: ConfigFault[]): ReadonlyMap<string, Raw> {
  const found = new Map<string, Raw>();
  const named = input.configFile ?? input.environment["RSTUF_CONFIG"];
  if (named === undefined || named === "") return found;
  const path = resolve(input.cwd, named);
  const source = input.configFile === undefined ? "RSTUF_CONFIG" : "--config";
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    faults.push({ key: path, source, message: `cannot be read (${error instanceof Error && "code" in error ? String(error.code) : "unknown"})` });
    return found;
  }
  const { LineCounter, parseDocument } = load("yaml") as typeof Yaml;
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  for (const error of document.errors) {
    faults.push({ key: path, source: `line ${lines.linePos(error.pos[0]).line}`, message: `is not YAML: ${error.message}` });
  }
  if (document.errors.length > 0) return found;
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 100 });
  } catch {
    faults.push({ key: path, source, message: "repeats itself by too many aliases" });
    return found;
  }
  const take = (value: unknown, at: readonly string[]): void => {
    const key = at.join(".");
    const node = document.getIn(at, true) as { range?: [number, number, number] } | undefined;
    const where = node?.range === undefined ? path : `${path}:${lines.linePos(node.range[0]).line}`;
    if (SETTINGS.has(key)) {
      if (value !== null) found.set(key, { raw: value, source: where, folder: dirname(path) });
    } else if (at.length > 0 && ![...SETTINGS.keys()].some((one) => one.startsWith(`${key}.`))) {
      faults.push({ key, source: where, message: `is no key of ours${suggestion(key)}` });
    } else if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      for (const [name, inner] of Object.entries(value)) take(inner, [...at, name]);
    } else if (value !== null) {
      faults.push({ key: key === "" ? path : key, source: where, message: "should hold keys, not a value" });
    }
  };
  take(content, []);
  return found;
}

/** Of the command line, not of the service. */
const NOT_OURS: ReadonlySet<string> = new Set(["RSTUF_CONFIG", "RSTUF_SERVER", "RSTUF_TOKEN"]);

/** A mistyped variable would be ignored in silence; ours all begin alike. `RSTUF_KEY_…` may hold keys. */
function unknownVariables(environment: Environment): string[] {
  const known = new Set([...SETTINGS.keys()].map(environmentName));
  return Object.keys(environment)
    .filter((name) => name.startsWith("RSTUF_") && !NOT_OURS.has(name) && !name.startsWith("RSTUF_KEY_"))
    .filter((name) => !known.has(name) && !LEGACY_NAMES.has(name))
    .sort()
    .map((name) => `${name} names no configuration key; it is ignored.`);
}

function suggestion(key: string): string {
  const last = key.split(".").at(-1)?.toLowerCase();
  const near = [...SETTINGS.keys()].find((one) => one.toLowerCase() === key.toLowerCase() || one.split(".").at(-1)?.toLowerCase() === last);
  return near === undefined ? "" : `; did you mean ${near}?`;
}

function shorten(raw: unknown): string {
  const text = typeof raw === "string" ? JSON.stringify(raw) : (JSON.stringify(raw) as string | undefined) ?? String(raw);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}

function assemble(values: ReadonlyMap<string, unknown>): Config {
  const root: Record<string, unknown> = {};
  for (const [key, value] of values) {
    const path = key.split(".");
    const name = path.pop() ?? "";
    let at = root;
    for (const part of path) at = (at[part] ??= {}) as Record<string, unknown>;
    at[name] = Array.isArray(value) ? Object.freeze([...(value as unknown[])]) : value;
  }
  for (const value of Object.values(root)) if (typeof value === "object") Object.freeze(value);
  // Every key of the table was set with what its own reader returned.
  return Object.freeze(root) as unknown as Config;
}
