// A folder that artifacts are downloaded into (port: client-storage.ts).
//
// `a/b/c` lies at FOLDER/a/b/c. The path comes from the repository: every segment becomes a
// plain name, or the path is refused; folders on the way are made, never followed when they
// are links; a file that is a link is replaced, never written through.

import { lstat, mkdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { ClientStorageError } from "../../../ports/client-storage.ts";
import type { Destination, Incoming } from "../../../ports/client-storage.ts";
import { beginPart, copied, leftPart } from "./parts.ts";
import { createTemporary, ensureFolder, openPlain } from "./safe-file.ts";

export interface FolderOptions {
  /** Names that Windows reserves or cuts are refused. Default: on Windows. */
  readonly windowsNames?: boolean;
}

export function createFolderDestination(folder: string, options: FolderOptions = {}): Destination {
  const windowsNames = options.windowsNames ?? process.platform === "win32";
  const segmentsOf = (path: string): readonly string[] => {
    const segments = path.split("/");
    for (const segment of segments) {
      const fault = faultOf(segment, windowsNames);
      if (fault !== undefined) throw new ClientStorageError("unsafe-name", `${JSON.stringify(path)} cannot be stored below ${folder}: ${fault}`);
    }
    return segments;
  };
  const locate = (path: string): string => join(folder, ...segmentsOf(path));

  return {
    locate,

    async existing(path, length) {
      const segments = segmentsOf(path);
      if (!(await foldersArePlain(folder, segments.slice(0, -1)))) return undefined;
      const opened = await openPlain(locate(path));
      if (opened === undefined) return undefined;
      if (opened.bytes === length) return opened.handle.createReadStream() as AsyncIterable<Uint8Array>;
      await opened.handle.close();
      return undefined;
    },

    async begin(path, content) {
      const segments = segmentsOf(path);
      await ensureFolder(folder, 0o777, "allowed");
      let parent = folder;
      for (const segment of segments.slice(0, -1)) {
        parent = join(parent, segment);
        await makeFolder(parent, path);
      }
      return beginIn(parent, locate(path), content);
    },
  };
}

async function beginIn(parent: string, file: string, content: string | undefined): Promise<Incoming> {
  const failed = (error: unknown) => new ClientStorageError("unwritable", `${file} could not be written: ${String(error)}`, { cause: error });
  const begun = content === undefined ? createTemporary(parent) : beginPart(parent, content);
  const temporary = await begun.catch((error: unknown) => {
    throw failed(error);
  });
  let open = true;
  const close = async () => {
    if (open) {
      open = false;
      await temporary.handle.close();
    }
  };
  const write = async (piece: Uint8Array): Promise<void> => {
    try {
      await temporary.handle.writeFile(piece);
    } catch (error) {
      throw failed(error);
    }
  };
  return {
    earlier: content === undefined ? nothing() : copied(parent, content, write),
    write,
    async keep() {
      try {
        await close();
        await rename(temporary.file, file);
        return file;
      } catch (error) {
        throw failed(error);
      }
    },
    async leave() {
      await close().catch(() => undefined);
      await (content === undefined ? unlink(temporary.file) : rename(temporary.file, leftPart(parent, content))).catch(() => unlink(temporary.file).catch(() => undefined));
    },
    async discard() {
      await close().catch(() => undefined);
      await unlink(temporary.file).catch(() => undefined);
    },
  };
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  yield* [];
}

async function makeFolder(folder: string, path: string): Promise<void> {
  try {
    await mkdir(folder).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    });
    if ((await lstat(folder)).isDirectory()) return;
  } catch (error) {
    throw new ClientStorageError("unwritable", `${folder} could not be made: ${String(error)}`, { cause: error });
  }
  throw new ClientStorageError("unsafe-name", `${JSON.stringify(path)} cannot be stored: ${folder} is a link or a file, not a folder`);
}

async function foldersArePlain(folder: string, segments: readonly string[]): Promise<boolean> {
  let current = folder;
  for (const segment of segments) {
    current = join(current, segment);
    const found = await lstat(current).catch(() => undefined);
    if (found?.isDirectory() !== true) return false;
  }
  return true;
}

/** Device names of Windows, with any extension. */
const RESERVED = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?:\.|$)/i;

function faultOf(segment: string, windowsNames: boolean): string | undefined {
  const quoted = JSON.stringify(segment);
  if (segment === "") return "it is absolute, or has an empty segment";
  if (segment === "." || segment === "..") return `${quoted} is not a name`;
  // A backslash separates folders on Windows; no client serves such a path anyway.
  if (/[\\\u0000-\u001f\u007f]/.test(segment) || !segment.isWellFormed()) return `${quoted} holds a character no name may hold`;
  if (Buffer.byteLength(segment) > 255) return `a segment is longer than the 255 bytes a name may have`;
  if (!windowsNames) return undefined;
  if (/[<>:"|?*]/.test(segment) || /[. ]$/.test(segment) || RESERVED.test(segment)) return `${quoted} is not a name on Windows`;
  return undefined;
}
