// What tries at a download leave beside its place, for later tries at the same content.
//
//   .rstuf-CONTENT.part                    left on purpose: the connection broke
//   .rstuf-CONTENT.HOST-PID-RANDOM.part    being written, by that process; when it is dead, left as well
//
// A process that was killed says nothing, so the name says who writes. Only what nobody writes any
// more is taken up; of another host nothing is known, and its files are let be. Whether the bytes are
// right is for the client to find out: nobody vouches for a name in a folder that others may write to.

import { randomBytes } from "node:crypto";
import { lstat, readdir, rename, unlink, type FileHandle } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { createNew, openPlain } from "./safe-file.ts";

const HOST = plain(hostname()).slice(0, 32);
/** What this process writes now: another one's number may have been ours before. */
const ours = new Set<string>();

export function leftPart(folder: string, content: string): string {
  return join(folder, `${beginning(content)}part`);
}

/** A new, empty file in `folder`, whose name says that this process writes it. */
export async function beginPart(folder: string, content: string): Promise<{ readonly handle: FileHandle; readonly file: string }> {
  const name = `${beginning(content)}${HOST}-${process.pid}-${randomBytes(12).toString("hex")}.part`;
  ours.add(name);
  const file = join(folder, name);
  return { handle: await createNew(file), file };
}

/**
 * What was left of `content`, the longest if there are several, written to our own file as it is
 * read: who left it, or another user of the folder, may hold it open. Its name is taken away first,
 * so that of two who come at once one has it. The others are removed.
 */
export async function* copied(folder: string, content: string, write: (piece: Uint8Array) => Promise<void>): AsyncGenerator<Uint8Array> {
  const [part, ...shorter] = await left(folder, content);
  for (const file of shorter) await unlink(file).catch(() => undefined);
  if (part === undefined) return;
  const mine = `${leftPart(folder, content)}-${randomBytes(12).toString("hex")}`;
  try {
    await rename(part, mine);
  } catch {
    return;
  }
  try {
    const opened = await openPlain(mine);
    if (opened === undefined) return;
    for await (const piece of opened.handle.createReadStream() as AsyncIterable<Uint8Array>) {
      await write(piece);
      yield piece;
    }
  } finally {
    await unlink(mine).catch(() => undefined);
  }
}

/** Longest first. */
async function left(folder: string, content: string): Promise<string[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.startsWith(beginning(content)) && isLeft(name, name.slice(beginning(content).length)));
  const found = await Promise.all(names.map(async (name) => ({ file: join(folder, name), bytes: (await lstat(join(folder, name)).catch(() => undefined))?.size ?? 0 })));
  return found.sort((a, b) => b.bytes - a.bytes).map(({ file }) => file);
}

function isLeft(name: string, ending: string): boolean {
  if (ending === "part") return true;
  const [, host, pid] = /^([A-Za-z0-9]*)-([0-9]{1,10})-[0-9a-f]{24}\.part$/.exec(ending) ?? [];
  return host === HOST && !ours.has(name) && (Number(pid) === process.pid || !isAlive(Number(pid)));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Another user's is alive as well.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

const beginning = (content: string): string => `.rstuf-${plain(content).slice(0, 64)}.`;

function plain(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9]/g, "");
}
