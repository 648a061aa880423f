// Replacing a file without a compare-and-swap beneath: the question, the comparison and the rename in one block.

import { createHash } from "node:crypto";
import { StorageError } from "../../../ports/storage.ts";
import type { StorageToken } from "../../../ports/storage.ts";
import type { Turns } from "../common/turns.ts";
import { errnoOf, isNoPlainFile } from "./faults.ts";
import { READ_FLAGS, type Folder } from "./folder.ts";
import { compare, REWRITES, type Outcome } from "./link.ts";

/** The file at `path` by one with these bytes; `mayWrite` is asked last. */
export async function replaceOne(
  folder: Folder,
  turns: Turns,
  path: string,
  bytes: Uint8Array,
  expected: StorageToken | "absent",
  mayWrite: () => boolean,
): Promise<"replaced" | "conflict"> {
  for (let left = REWRITES; left >= 0; left -= 1) {
    const temporary = await turns.run(() => folder.writeTemporary(bytes));
    try {
      const swapped = swapNow(folder, temporary, path, expected, mayWrite);
      let outcome: Outcome | "conflict" = swapped.outcome;
      if (swapped.error !== undefined) {
        outcome = await compare(folder, temporary, path, bytes);
        const ours = outcome === "created" || (expected !== "absent" && outcome === "same");
        if (errnoOf(swapped.error) === "ENOENT" && !ours) continue;
        if (errnoOf(swapped.error) !== "EEXIST" && !ours) throw swapped.error;
        outcome = ours ? "created" : "conflict";
      }
      if (outcome === "conflict") return "conflict";
      await folder.syncFolder();
      return "replaced";
    } finally {
      await folder.discard(temporary);
    }
  }
  throw new StorageError("unavailable", `cannot replace ${path}: its temporary file vanishes each time`);
}

/** No `await` in here: nothing of this process runs between the question and the rename. */
function swapNow(
  folder: Folder,
  temporary: string,
  path: string,
  expected: StorageToken | "absent",
  mayWrite: () => boolean,
): { readonly outcome: "created" | "conflict"; readonly error?: Error } {
  if (!mayWrite()) return { outcome: "conflict" };
  if (!holdsNow(folder, path, expected)) return { outcome: "conflict" };
  try {
    // Where nothing may be in the way, link(2) is a compare-and-swap.
    if (expected === "absent") folder.calls.linkNow(temporary, path);
    else folder.calls.renameNow(temporary, path);
    return { outcome: "created" };
  } catch (error) {
    return { outcome: "conflict", error: error instanceof Error ? error : new Error(String(error)) };
  }
}

function holdsNow(folder: Folder, path: string, expected: StorageToken | "absent"): boolean {
  let fd: number;
  try {
    fd = folder.calls.openNow(path, READ_FLAGS);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return expected === "absent";
    if (isNoPlainFile(error)) return false;
    throw error;
  }
  try {
    if (expected === "absent") return false;
    const { isFile, size } = folder.calls.factsNow(fd);
    // The size stands in the token, so a file that grew to gigabytes is not read.
    if (!isFile || size !== Number(expected.split(":")[0])) return false;
    return tokenOf(folder.calls.readNow(fd, size + 1)) === expected;
  } finally {
    folder.calls.closeNow(fd);
  }
}

/** What `replace` compares. */
export function tokenOf(bytes: Uint8Array): StorageToken {
  return `${bytes.length}:${createHash("sha256").update(bytes).digest("hex")}` as StorageToken;
}
