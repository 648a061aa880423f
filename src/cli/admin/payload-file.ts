// Files that travel between machines: payloads that `admin send` uploads, and documents to sign.
// They hold nothing secret. `-` is stdin or stdout.

import { randomBytes } from "node:crypto";
import { link, open, rename, rm } from "node:fs/promises";
import { CliError, systemReason } from "../errors.ts";
import { readFileAtMost } from "../read-file.ts";
import type { Session } from "../session.ts";
import type { ParsedEnvelope } from "../../tuf/parse.ts";
import { readRoot } from "./pending.ts";

/** A role's document of two million artifacts is far below this. */
const MAX_BYTES = 512 * 1024 * 1024;

/** @throws CliError `file-unreadable` */
export async function readJsonFile(session: Session, file: string): Promise<unknown> {
  const text = file === "-" ? await readStdin(session) : (await readFileAtMost(session.path(file), MAX_BYTES)).toString("utf8");
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new CliError("file-unreadable", `${file === "-" ? "stdin" : file} is no JSON`, { why: error instanceof Error ? error.message.replaceAll("\n", "\\n") : "", todo: "is it the file that was meant, and whole?", cause: error });
  }
}

/** A root: the file is one, or a payload with one. @throws CliError `file-unreadable` | `document-unreadable` */
export async function readRootFile(session: Session, file: string): Promise<ParsedEnvelope<"root">> {
  const value = await readJsonFile(session, file);
  return readRoot((value as { readonly metadata?: { readonly root?: unknown } } | null)?.metadata?.root ?? value, file);
}

async function readStdin(session: Session): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of session.context.stdin as AsyncIterable<Buffer | string>) {
    const bytes = Buffer.from(piece);
    length += bytes.length;
    if (length > MAX_BYTES) throw new CliError("file-unreadable", `stdin is longer than the ${MAX_BYTES} bytes such a file may have`, { todo: "is it the file that was meant?" });
    pieces.push(bytes);
  }
  return Buffer.concat(pieces).toString("utf8");
}

/** Whole or not at all; what was there is replaced. @throws CliError `file-unwritable` */
export async function writeJsonFile(session: Session, file: string, value: unknown): Promise<void> {
  await writeTextFile(session, file, `${JSON.stringify(value, null, 2)}\n`);
}

/** The same for text. With `fresh` what is there is left alone, and that is an error. @throws CliError `file-exists` | `file-unwritable` */
export async function writeTextFile(session: Session, file: string, text: string, how: { readonly fresh?: boolean } = {}): Promise<void> {
  if (file === "-") {
    session.context.stdout.write(text);
    return;
  }
  const path = session.path(file);
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    {
      await using handle = await open(temporary, "wx", 0o644);
      await handle.writeFile(text);
      await handle.sync();
    }
    if (how.fresh === true) await link(temporary, path).finally(() => rm(temporary, { force: true }));
    else await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    if (error instanceof Error && "code" in error && error.code === "EEXIST") throw new CliError("file-exists", `there is a file ${file} already`, { todo: "choose another name", cause: error });
    throw new CliError("file-unwritable", `${file} could not be written`, { why: systemReason(error), todo: "make room there, or name another file with --out", cause: error });
  }
}
