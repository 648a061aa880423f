// Files that list artifacts, as one sequence: read in pieces, in bounded memory, as often as it
// takes. Empty lines and lines with # count for nothing; where in which file an artifact stands is
// found by reading again, for nobody asks of two million lines but of the few that are wrong.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { CliError, systemReason } from "../errors.ts";
import { formOf, LineFault, type ReadLine } from "./lines.ts";

export interface SourceFile {
  /** As the user named it; `-` is stdin. */
  readonly shown: string;
  readonly path: string;
  readonly bytes: number;
  readonly modifiedMs: number;
}

/** Where a line stands. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

export interface Piece {
  /** NDJSON, ready to send. */
  readonly bytes: Buffer;
  readonly artifacts: number;
  /** Of the files, read so far. */
  readonly readBytes: number;
}

const LINE_MAX_CHARACTERS = 1024 * 1024;
const TOLD_FAULTS = 20;

/** @throws CliError `file-unreadable` */
export async function sourceFiles(words: readonly string[], path: (word: string) => string): Promise<SourceFile[]> {
  return Promise.all(words.map(async (shown) => {
    if (shown === "-") return { shown: "stdin", path: "-", bytes: 0, modifiedMs: 0 };
    const found = await stat(path(shown)).catch((error: unknown) => {
      throw new CliError("file-unreadable", `${shown} cannot be read`, { why: systemReason(error), todo: "is it named as it lies from here, and may this user read it?", cause: error });
    });
    return { shown, path: path(shown), bytes: found.size, modifiedMs: Math.round(found.mtimeMs) };
  }));
}

/**
 * All artifacts behind the first `skip`.
 * @throws CliError `lines-invalid` naming every line from the first faulty one on, twenty at most
 */
export async function* pieces(files: readonly SourceFile[], stdin: Readable, skip: number): AsyncGenerator<Piece> {
  let before = 0;
  let at = 0;
  const faults: string[] = [];
  for (const file of files) {
    let form: ReadLine | undefined;
    let number = 0;
    let read = 0;
    for await (const { lines, bytes } of lineBlocks(file, stdin)) {
      read += bytes;
      const out: string[] = [];
      for (const line of lines) {
        number += 1;
        if (isNothing(line)) continue;
        if (form === undefined) {
          const found = formOf(line);
          form = found.read;
          if (found.isHeader) continue;
        }
        at += 1;
        if (at <= skip) continue;
        try {
          const artifact = form(line);
          if (faults.length === 0) out.push(JSON.stringify(artifact));
        } catch (error) {
          if (!(error instanceof LineFault)) throw error;
          faults.push(`${file.shown}, line ${number}: ${error.message}`);
          if (faults.length === TOLD_FAULTS) throw invalid(faults);
        }
      }
      if (out.length > 0) yield { bytes: Buffer.from(`${out.join("\n")}\n`), artifacts: out.length, readBytes: before + read };
    }
    before += file.bytes;
  }
  if (faults.length > 0) throw invalid(faults);
}

export function invalid(faults: readonly string[]): CliError {
  return new CliError("lines-invalid", `${faults.length === TOLD_FAULTS ? `${TOLD_FAULTS} lines, and perhaps more,` : faults.length === 1 ? "a line" : `${faults.length} lines`} cannot be imported`, { why: faults.join("\n"), todo: `mend ${faults.length === 1 ? "it" : "them"} and give the same command again: it goes on behind the lines that are stored` });
}

/** Where the artifacts of these numbers stand, 1 being the first. */
export async function placesOf(files: readonly SourceFile[], numbers: ReadonlySet<number>): Promise<Map<number, Place>> {
  const places = new Map<number, Place>();
  let at = 0;
  for (const file of files) {
    if (file.path === "-") return places;
    let line = 0;
    let isFirst = true;
    for await (const { lines } of lineBlocks(file, undefined)) {
      for (const text of lines) {
        line += 1;
        if (isNothing(text)) continue;
        const isHeader = isFirst && formOf(text).isHeader;
        isFirst = false;
        if (isHeader) continue;
        at += 1;
        if (numbers.has(at)) places.set(at, { file: file.shown, line });
        if (places.size === numbers.size) return places;
      }
    }
  }
  return places;
}

function isNothing(line: string): boolean {
  return line.trim() === "" || line.startsWith("#");
}

/** Whole lines, as many as came at once, and how many bytes they and the next ones' beginning had. */
async function* lineBlocks(file: SourceFile, stdin: Readable | undefined): AsyncGenerator<{ readonly lines: readonly string[]; readonly bytes: number }> {
  const stream: AsyncIterable<string | Buffer> = file.path === "-" ? (stdin ?? []) as AsyncIterable<string | Buffer> : createReadStream(file.path, { highWaterMark: 256 * 1024 });
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  try {
    for await (const piece of stream) {
      const bytes = Buffer.from(piece);
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > LINE_MAX_CHARACTERS) throw new CliError("file-unreadable", `${file.shown} has a line of more than ${LINE_MAX_CHARACTERS} characters`, { todo: "a list has one artifact a line: is it the file that was meant?" });
      yield { lines: lines.map(withoutReturn), bytes: bytes.length };
    }
    rest += decoder.decode();
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError("file-unreadable", `${file.shown} cannot be read`, { why: error instanceof TypeError ? "it is no UTF-8" : systemReason(error), todo: "a list is text in UTF-8, one artifact a line", cause: error });
  }
  if (rest !== "") yield { lines: [withoutReturn(rest)], bytes: 0 };
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
