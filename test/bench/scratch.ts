// Folders of a run, removed together when the process ends, and not before.
//
// Files that are created soon after many were deleted are slow on ext4 (0.7 to 0.9 thousand a second of 4; a millisecond of
// the kernel's CPU for an empty one): what removes between two rows measures that in the second one.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folders: string[] = [];

export function scratchFolder(prefix: string, base = tmpdir()): string {
  const folder = mkdtempSync(join(base, prefix));
  if (folders.length === 0) {
    process.once("exit", removeAll);
    // The default would end the process without its "exit".
    for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) process.once(signal, () => process.exit(code));
  }
  folders.push(folder);
  return folder;
}

function removeAll(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
