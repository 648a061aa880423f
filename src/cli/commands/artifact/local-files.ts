// Which files the words of a command line mean, and what each is called in the repository: a
// file by its name, what lies in a folder by its path below that folder, all behind the prefix.
// One file is held at a time, however many there are.

import { glob, opendir, stat } from "node:fs/promises";
import { basename, join, matchesGlob, relative, resolve, sep } from "node:path";
import { targetPathFaults } from "../../../tuf/paths.ts";
import { CliError, systemReason } from "../../errors.ts";

export interface LocalFile {
  /** Where it lies. */
  readonly file: string;
  /** What it is called in the repository. */
  readonly path: string;
}

export interface FileChoice {
  readonly cwd: string;
  readonly prefix: string | undefined;
  /** Patterns over the path below a folder, or the name: `*.tmp`, `docs/**`. */
  readonly exclude: readonly string[];
}

/** @throws CliError `file-unreadable`, `misused` for a name that no repository can hold */
export async function* localFiles(words: readonly string[], choice: FileChoice): AsyncGenerator<LocalFile> {
  for (const word of words) {
    let found = false;
    for await (const { file, below } of filesOf(word, choice.cwd)) {
      if (choice.exclude.some((pattern) => matchesGlob(below, pattern) || matchesGlob(basename(below), pattern))) continue;
      found = true;
      yield { file, path: repositoryPath(choice.prefix, below) };
    }
    if (!found) throw new CliError("file-unreadable", `${word} holds no file to add`, choice.exclude.length === 0 ? { todo: "name a file, or a folder with files in it" } : { why: "what is there is excluded", todo: "leave out an --exclude" });
  }
}

/** Behind the prefix, whose slash at the end counts for nothing. @throws CliError `misused` */
export function repositoryPath(prefix: string | undefined, below: string): string {
  const before = (prefix ?? "").replace(/\/+$/, "");
  const path = before === "" ? below : `${before}/${below}`;
  const faults = targetPathFaults(path);
  if (faults.length > 0) throw new CliError("misused", `${JSON.stringify(path)} can be no path in a repository`, { why: faults.join("; "), todo: "choose another --prefix, or rename the file" });
  return path;
}

interface Below {
  readonly file: string;
  readonly below: string;
}

async function* filesOf(word: string, cwd: string): AsyncGenerator<Below> {
  const place = resolve(cwd, word);
  const found = await stat(place).catch((error: unknown) => {
    if (/[*?[{]/.test(word)) return undefined;
    throw unreadable(word, error);
  });
  if (found === undefined) yield* matching(word, cwd);
  else if (found.isDirectory()) yield* within(place, place);
  else if (found.isFile()) yield { file: place, below: basename(place) };
  else throw new CliError("file-unreadable", `${word} is neither a file nor a folder`, { todo: "name plain files and folders" });
}

/** A pattern the shell left alone; names go from the folder that is before its first wildcard. */
async function* matching(pattern: string, cwd: string): AsyncGenerator<Below> {
  const fixed = pattern.split(/[\\/]/);
  const base = resolve(cwd, fixed.slice(0, fixed.findIndex((segment) => /[*?[{]/.test(segment))).join("/"));
  for await (const match of glob(pattern, { cwd })) {
    const file = resolve(cwd, match);
    if ((await stat(file).catch(() => undefined))?.isFile() === true) yield { file, below: slashed(relative(base, file)) };
  }
}

/** In the order of names. Links to files count as files; links to folders are not followed, for they may lead round. */
async function* within(folder: string, base: string): AsyncGenerator<Below> {
  const names: { readonly name: string; readonly isFolder: boolean }[] = [];
  try {
    for await (const entry of await opendir(folder)) {
      const place = join(folder, entry.name);
      const isFile = entry.isFile() || (entry.isSymbolicLink() && (await stat(place).catch(() => undefined))?.isFile() === true);
      if (isFile || entry.isDirectory()) names.push({ name: entry.name, isFolder: entry.isDirectory() });
    }
  } catch (error) {
    throw unreadable(folder, error);
  }
  names.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name, isFolder } of names) {
    const place = join(folder, name);
    if (isFolder) yield* within(place, base);
    else yield { file: place, below: slashed(relative(base, place)) };
  }
}

function slashed(path: string): string {
  return sep === "/" ? path : path.replaceAll(sep, "/");
}

function unreadable(what: string, error: unknown): CliError {
  return new CliError("file-unreadable", `${what} cannot be read`, { why: systemReason(error), todo: "is it named as it lies from here?", cause: error });
}
