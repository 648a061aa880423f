// Imports this machine has begun and not finished: under which key, and from which files. Written
// before the first line is sent, and marked when the service has accepted the end, so that the same
// command given again goes on, and given once more after that says so and begins anew.

import { randomUUID } from "node:crypto";
import { mkdir, open, rename } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { sha256Hex } from "../../tuf/crypto.ts";
import type { CliContext } from "../context.ts";
import { CliError, systemReason } from "../errors.ts";
import { readFileAtMost } from "../read-file.ts";
import type { SourceFile } from "./source.ts";

export interface Begun {
  readonly key: string;
  /** RFC 3339. */
  readonly started: string;
  readonly files: readonly Pick<SourceFile, "path" | "bytes" | "modifiedMs">[];
  /** The task that it became, once the service had all of it. */
  readonly taskId?: string;
}

const MAX_BYTES = 1024 * 1024;

export class BegunImport {
  readonly #file: string;

  /** Of these files at that service. */
  constructor(context: CliContext, server: string, files: readonly SourceFile[]) {
    const home = context.env("HOME") ?? homedir();
    const folder = join(context.env("XDG_STATE_HOME") ?? join(home, ".local", "state"), "rstuf", "imports");
    this.#file = join(folder, `${sha256Hex(JSON.stringify([server, ...files.map(({ path }) => path)])).slice(0, 32)}.json`);
  }

  async read(): Promise<Begun | undefined> {
    try {
      const begun = JSON.parse((await readFileAtMost(this.#file, MAX_BYTES)).toString("utf8")) as Begun;
      return typeof begun.key === "string" && Array.isArray(begun.files) ? begun : undefined;
    } catch {
      return undefined;
    }
  }

  async begin(files: readonly SourceFile[], nowMs: number): Promise<Begun> {
    return this.#write({ key: randomUUID(), started: new Date(nowMs).toISOString(), files: files.map(({ path, bytes, modifiedMs }) => ({ path, bytes, modifiedMs })) });
  }

  /** Goes on with other contents of the same files. */
  async mended(begun: Begun, files: readonly SourceFile[]): Promise<Begun> {
    return this.#write({ ...begun, files: files.map(({ path, bytes, modifiedMs }) => ({ path, bytes, modifiedMs })) });
  }

  /** The service has all of it. */
  async ended(begun: Begun, taskId: string): Promise<void> {
    await this.#write({ ...begun, taskId });
  }

  async #write(begun: Begun): Promise<Begun> {
    try {
      await mkdir(join(this.#file, ".."), { recursive: true, mode: 0o700 });
      {
        await using file = await open(`${this.#file}.tmp`, "w", 0o600);
        await file.writeFile(JSON.stringify(begun));
        await file.sync();
      }
      await rename(`${this.#file}.tmp`, this.#file);
      return begun;
    } catch (error) {
      throw new CliError("file-unwritable", `${this.#file} could not be written`, { why: systemReason(error), todo: "an import is remembered there, so that it can go on; or name it yourself with --key", cause: error });
    }
  }
}

/** Whether the files are what they were when it began. */
export function isSame(begun: Begun, files: readonly SourceFile[]): boolean {
  return begun.files.length === files.length && files.every(({ path, bytes, modifiedMs }, at) => begun.files[at]?.path === path && begun.files[at].bytes === bytes && begun.files[at].modifiedMs === modifiedMs);
}
