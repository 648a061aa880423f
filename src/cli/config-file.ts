// ~/.rstuf.yml, as the Python CLI knows it: SERVER, HEADERS, CURRENT_REPOSITORY (also written
// DEFAULT_REPOSITORY) and REPOSITORIES, in upper or lower case. It is rewritten with its
// comments and its order, readable by its owner alone, whole or not at all.

import { randomBytes } from "node:crypto";
import { mkdir, open, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { isMap, isNode, isScalar, parseDocument, type Document, type YAMLMap } from "yaml";
import { CliError, systemReason } from "./errors.ts";
import { readFileAtMost } from "./read-file.ts";

const MAX_BYTES = 1024 * 1024;

export class ConfigFile {
  readonly path: string;
  /** Whether the file was there. */
  readonly exists: boolean;
  readonly #document: Document;

  private constructor(path: string, exists: boolean, document: Document) {
    this.path = path;
    this.exists = exists;
    this.#document = document;
  }

  /** A file that is not there reads as an empty one. @throws CliError `config-unreadable` */
  static async read(path: string): Promise<ConfigFile> {
    const text = await textOf(path);
    const document = parseDocument(text ?? "", { strict: true, uniqueKeys: true });
    const [fault] = document.errors;
    if (fault !== undefined) throw new CliError("config-unreadable", `${path} is no YAML`, { why: fault.message.split("\n", 1)[0] ?? "", todo: "mend it, or name another file with --config" });
    if (document.contents !== null && !isMap(document.contents)) throw new CliError("config-unreadable", `${path} is no mapping of settings`, { todo: "write `SERVER: https://rstuf.example.org`, and the like" });
    return new ConfigFile(path, text !== undefined, document);
  }

  /** The value at these keys, plain; each key in any case. */
  get(...keys: readonly string[]): unknown {
    let node: unknown = this.#document.contents;
    for (const key of keys) {
      if (!isMap(node)) return undefined;
      const found = keyIn(node, key);
      node = found === undefined ? undefined : node.get(found, true);
    }
    // What was set in this run is there as the value it is.
    return isNode(node) ? node.toJS(this.#document, { maxAliasCount: 100 }) : node;
  }

  /** A text at these keys. @throws CliError `config-unreadable` when it is something else */
  text(...keys: readonly string[]): string | undefined {
    const value = this.get(...keys);
    if (value === undefined || value === null) return undefined;
    if (typeof value === "string") return value;
    throw new CliError("config-unreadable", `${keys.join(".")} in ${this.path} is no text`, { todo: "write it in quotes" });
  }

  /** Puts a value there, under the spelling of the key that is there; maps on the way are made. */
  set(keys: readonly string[], value: unknown): void {
    this.#document.setIn(this.#spelled(keys), value);
  }

  delete(keys: readonly string[]): void {
    this.#document.deleteIn(this.#spelled(keys));
  }

  /** Replaces the file in one step, mode 0600. A link is followed: the file it leads to is replaced. @throws CliError `file-unwritable` */
  async write(): Promise<void> {
    try {
      const target = await realpath(this.path).catch(() => this.path);
      await mkdir(dirname(target), { recursive: true });
      const temporary = `${target}.${randomBytes(6).toString("hex")}.tmp`;
      try {
        {
          await using file = await open(temporary, "wx", 0o600);
          await file.writeFile(this.#document.toString({ lineWidth: 0 }));
          await file.sync();
        }
        await rename(temporary, target);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    } catch (error) {
      throw new CliError("file-unwritable", `${this.path} could not be written`, { why: systemReason(error), todo: "make room there, or name another file with --config", cause: error });
    }
  }

  /** Whether others than its owner can read it: worth a word where it holds a token. */
  async isOpenToOthers(): Promise<boolean> {
    const found = await stat(this.path).catch(() => undefined);
    return found !== undefined && process.platform !== "win32" && (found.mode & 0o077) !== 0;
  }

  #spelled(keys: readonly string[]): string[] {
    let node: unknown = this.#document.contents;
    return keys.map((key) => {
      const found = isMap(node) ? keyIn(node, key) : undefined;
      node = found === undefined || !isMap(node) ? undefined : node.get(found, true);
      return found ?? key;
    });
  }
}

/** The key as it is spelled in `map`: exactly so, or in another case. */
function keyIn(map: YAMLMap, key: string): string | undefined {
  const names = map.items.map((item) => (isScalar(item.key) ? String(item.key.value) : String(item.key)));
  return names.find((name) => name === key) ?? names.find((name) => name.toLowerCase() === key.toLowerCase());
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return (await readFileAtMost(path, MAX_BYTES)).toString("utf8");
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw new CliError("config-unreadable", `the configuration file ${path} cannot be read`, { why: systemReason(cause ?? error), todo: "mend it, or name another with --config", cause: error });
  }
}
