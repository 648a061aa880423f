// Files in a folder that others may also write to: read without following links, written whole or not at all.

import { constants } from "node:fs";
import { lstat, mkdir, open, rename, stat, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { ClientStorageError } from "../../../ports/client-storage.ts";

// Absent on Windows, where a link takes a privilege to make.
const NO_FOLLOW = (constants as { readonly O_NOFOLLOW?: number }).O_NOFOLLOW ?? 0;
const NON_BLOCK = (constants as { readonly O_NONBLOCK?: number }).O_NONBLOCK ?? 0;

/** A plain file opened for reading; undefined for anything else (a link, a pipe, nothing, no permission). */
export async function openPlain(file: string): Promise<{ readonly handle: FileHandle; readonly bytes: number } | undefined> {
  let handle: FileHandle;
  try {
    // Non-blocking, so that a pipe in a file's place doesn't hold us.
    handle = await open(file, constants.O_RDONLY | NO_FOLLOW | NON_BLOCK);
  } catch {
    return undefined;
  }
  const found = await handle.stat().catch(() => undefined);
  if (found?.isFile() === true) return { handle, bytes: found.size };
  await handle.close();
  return undefined;
}

/** The bytes of a plain file of at most `maxBytes`, or undefined. */
export async function readPlain(file: string, maxBytes: number): Promise<Buffer | undefined> {
  const opened = await openPlain(file);
  if (opened === undefined) return undefined;
  try {
    if (opened.bytes > maxBytes) return undefined;
    const bytes = await opened.handle.readFile();
    return bytes.byteLength > maxBytes ? undefined : bytes;
  } catch {
    return undefined;
  } finally {
    await opened.handle.close();
  }
}

/** A new file under a temporary name in `folder`, readable by its owner alone until it is kept. */
export async function createTemporary(folder: string): Promise<{ readonly handle: FileHandle; readonly file: string }> {
  const file = join(folder, `.rstuf-${randomBytes(12).toString("hex")}.tmp`);
  return { handle: await createNew(file), file };
}

/** Fails when anything is there. */
export async function createNew(file: string): Promise<FileHandle> {
  return await open(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | NO_FOLLOW, 0o644);
}

/** Replaces `name` in `folder` by a durable file with `bytes`. @throws ClientStorageError `unwritable` */
export async function writeWhole(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  let temporary: string | undefined;
  try {
    const { handle, file } = await createTemporary(folder);
    temporary = file;
    try {
      await handle.writeFile(bytes);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(file, join(folder, name));
  } catch (error) {
    if (temporary !== undefined) await unlink(temporary).catch(() => undefined);
    throw new ClientStorageError("unwritable", `${join(folder, name)} could not be written: ${String(error)}`, { cause: error });
  }
}

/**
 * Makes `folder` if it is not there. `links`: whether it may be a link itself, as where the
 * user named it.
 * @throws ClientStorageError `unusable` when it is no folder, or a link where none may be
 */
export async function ensureFolder(folder: string, mode: number, links: "allowed" | "refused"): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode });
    const found = links === "allowed" ? await stat(folder) : await lstat(folder);
    if (found.isDirectory()) return;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reason = code === "EEXIST" || code === "ENOTDIR" ? "a file is in its place" : String(error);
    throw new ClientStorageError("unusable", `${folder} cannot be used as a folder: ${reason}`, { cause: error });
  }
  throw new ClientStorageError("unusable", `${folder} is a link or no folder; links are not followed here`);
}
