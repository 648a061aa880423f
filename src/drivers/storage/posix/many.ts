// Many new files at once: written, flushed together, and linked (docs/adr/0006-bulk-durability.md).

import { nextTurn } from "../../../lib/turn.ts";
import type { Rest } from "../../../ports/rest.ts";
import type { Created, NewFile } from "../../../ports/storage.ts";
import type { Turns } from "../common/turns.ts";
import { errnoOf } from "./faults.ts";
import type { Flushed } from "./flush.ts";
import { READ_FLAGS, type Folder } from "./folder.ts";
import { linkNew } from "./link.ts";

/** Local file systems, whose syncfs(2) is known to make files durable: ext2 - 4, xfs, btrfs, f2fs, tmpfs (nothing to lose). */
const LOCAL: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0x01021994]);

/** Whether only a sync waits for what is beneath. */
export async function isLocal({ calls, directory }: Folder): Promise<boolean> {
  try {
    return LOCAL.has(await calls.fileSystemType(directory));
  } catch {
    return false;
  }
}

/** To be asked when there is nothing of ours to lose: later a failure can only mean lost bytes. */
export async function canFlush(folder: Folder): Promise<boolean> {
  try {
    return (await isLocal(folder)) && (await folder.calls.flushFileSystem(folder.directory)) === "flushed";
  } catch {
    return false;
  }
}

/** As `create` for each; `flush` when the file system's flush is known to make them durable (`canFlush`). */
export async function createMany(folder: Folder, turns: Turns, files: readonly NewFile[], { flush, rest }: { readonly flush: boolean; readonly rest?: Rest | undefined }): Promise<readonly Created[]> {
  // A name that comes twice is created in the order given, after the others.
  const seen = new Set<string>();
  const firsts: { readonly at: number; readonly file: NewFile }[] = [];
  const again: { readonly at: number; readonly file: NewFile }[] = [];
  for (const [at, file] of files.entries()) {
    (seen.has(file.name) ? again : firsts).push({ at, file });
    seen.add(file.name);
  }

  const temporaries = new Map<number, string>();
  const answers = new Array<Created>(files.length);
  let open = firsts;
  try {
    if (flush) {
      await inSpells(firsts, rest, ({ at, file }) => { temporaries.set(at, folder.writeTemporaryNow(file.bytes)); });
      await rest?.();
      await syncTogether(folder, turns, [...temporaries.values()]);
      await inSpells(firsts, rest, ({ at, file }) => {
        if (!linkedNow(folder, temporaries.get(at) ?? "", folder.path(file.name))) return;
        temporaries.delete(at);
        answers[at] = "created";
      });
      open = firsts.filter(({ at }) => answers[at] === undefined);
    } else {
      await turns.each(firsts, async ({ at, file }) => { temporaries.set(at, await folder.writeTemporary(file.bytes)); }, rest);
    }
    await turns.each(open, async ({ at, file }) => {
      const temporary = temporaries.get(at);
      temporaries.delete(at);
      answers[at] = await linkNew(folder, folder.path(file.name), file.bytes, temporary);
    }, rest);
  } finally {
    // Only what an error left unlinked.
    for (const temporary of temporaries.values()) await folder.discard(temporary);
  }
  for (const { at, file } of again) answers[at] = await turns.run(() => linkNew(folder, folder.path(file.name), file.bytes));
  if (answers.some((answer) => answer !== "other")) await folder.syncFolder();
  return answers;
}

/** Whether the plain case it was: a new name, and no temporary file left. */
function linkedNow(folder: Folder, temporary: string, path: string): boolean {
  try {
    folder.calls.linkNow(temporary, path);
  } catch {
    return false;
  }
  folder.discardNow(temporary);
  return true;
}

async function syncTogether(folder: Folder, turns: Turns, paths: readonly string[]): Promise<void> {
  let flushed: Flushed;
  try {
    flushed = await folder.calls.flushFileSystem(folder.directory);
  } catch (error) {
    throw folder.fail(`flushing the file system of ${folder.directory}`, error);
  }
  if (flushed === "flushed") return;
  await turns.each(paths, async (path) => {
    let fd: number;
    try {
      fd = await folder.calls.open(path, READ_FLAGS);
    } catch (error) {
      // Another process removed it; linkNew will find that out and write it again.
      if (errnoOf(error) === "ENOENT") return;
      throw error;
    }
    try {
      await folder.fsync(fd, path);
    } finally {
      await folder.calls.close(fd);
    }
  });
}

/** How long the thread is held at a time by what does not wait for a disk, milliseconds. */
const SPELL_MS = 3;

/**
 * `work` on every item, one after another. On a local file system nothing but the flush waits for the disk, so that
 * handing each call to another thread only costs (a file of 20 KB: 200 microseconds of CPU handed over, 97 at once).
 */
async function inSpells<T>(items: readonly T[], rest: Rest | undefined, work: (item: T) => void): Promise<void> {
  let until = performance.now() + SPELL_MS;
  for (const item of items) {
    if (performance.now() > until) {
      await nextTurn();
      await rest?.();
      until = performance.now() + SPELL_MS;
    }
    work(item);
  }
}
