// The artifacts of a trial: plain files below one folder, reached by no link and no dot file.

import { constants } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import type { ArtifactFiles } from "../api/files.ts";

export function trialFiles(folder: string): ArtifactFiles {
  return {
    async open(path) {
      const segments = path.split("/");
      if (segments.some((segment) => segment === "" || segment.startsWith("."))) return undefined;
      try {
        const file = join(await realpath(folder), ...segments);
        if ((await realpath(file)) !== file || segments.some((segment) => segment.includes(sep))) return undefined;
        return await openPlain(file);
      } catch (error) {
        if (error instanceof Error && "code" in error && GONE.has(String(error.code))) return undefined;
        throw error;
      }
    },
  };
}

const GONE: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "EISDIR", "ENAMETOOLONG", "EACCES", "ENXIO"]);

async function openPlain(file: string): ReturnType<ArtifactFiles["open"]> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const stats = await handle.stat();
  if (!stats.isFile()) {
    await handle.close();
    return undefined;
  }
  // A file that grows meanwhile is sent up to the length that was announced.
  return { bytes: stats.size, content: handle.createReadStream(stats.size === 0 ? {} : { end: stats.size - 1 }) };
}
