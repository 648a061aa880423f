// An import on its way to the service: as fast as the service stores it, and on again behind what
// is stored when the connection breaks. The key makes it one import however often it is sent.

import type { Readable } from "node:stream";
import type { RestClient } from "../../sdk/client.ts";
import { RestError } from "../../sdk/errors.ts";
import { delayBefore, type RetryPolicy } from "../../sdk/retry.ts";
import { CliError } from "../errors.ts";
import { invalid, pieces, placesOf, type SourceFile } from "./source.ts";

export interface Upload {
  readonly files: readonly SourceFile[];
  readonly stdin: Readable;
  /** Undefined: it cannot go on after a break. */
  readonly key: string | undefined;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  /** Artifacts sent, those stored before included, and bytes of the files read. */
  readonly onProgress: (artifacts: number, readBytes: number) => void;
  /** The connection broke, or nobody answers. Told once, until it is back. */
  readonly onBreak: (error: RestError) => void;
  /** It goes on, behind so many that are stored. */
  readonly onBack: (stored: number) => void;
}

export interface Uploaded {
  readonly lines: number;
  readonly invalidPaths: number;
  /** Undefined after a dry run. */
  readonly taskId: string | undefined;
}

/** Some eight minutes: a service that restarts, or its machine, is back by then. A try that stored more begins the count anew. */
const PATIENCE: RetryPolicy = { attempts: 45, firstDelayMs: 500, maxDelayMs: 15_000 };

/** @throws RestError, CliError `lines-invalid` | `file-unreadable` */
export async function upload(client: RestClient, options: Upload): Promise<Uploaded> {
  let stored = options.key === undefined || options.dryRun ? 0 : await storedOf(client, options.key, options.signal);
  for (let attempt = 1; ; ) {
    const outcome = await once(client, options, stored);
    if (!("error" in outcome)) return outcome;
    if (options.key === undefined || options.dryRun || options.files.some(({ path }) => path === "-")) throw outcome.error;
    options.onBreak(outcome.error);
    let now: number | undefined;
    for (; now === undefined; attempt += 1) {
      const delay = delayBefore(attempt, PATIENCE, client.timing.fraction(), undefined);
      if (delay === undefined) throw outcome.error;
      await client.timing.sleep(delay, options.signal);
      if (options.signal.aborted) throw new RestError("interrupted", "interrupted");
      now = await storedOf(client, options.key, options.signal).catch((error: unknown) => {
        // Not back yet: that is what the next try is for.
        if (error instanceof RestError && isPassing(error)) return undefined;
        throw error;
      });
    }
    if (now > stored) attempt = 1;
    stored = now;
    options.onBack(stored);
  }
}

/** Lines of the import that are stored. */
export async function storedOf(client: RestClient, key: string, signal: AbortSignal): Promise<number> {
  return (await stateOf(client, key, signal))?.lines ?? 0;
}

/** Undefined: the service knows no import of this key. */
export async function stateOf(client: RestClient, key: string, signal: AbortSignal): Promise<{ readonly lines: number; readonly invalid_paths: number; readonly task_id?: string } | undefined> {
  try {
    return (await client.call("GET /api/v1/artifacts/import", { query: { key }, signal })).data;
  } catch (error) {
    if (error instanceof RestError && error.serverCode === "no-such-import") return undefined;
    throw error;
  }
}

export function isPassing({ code }: RestError): boolean {
  return code === "unreachable" || code === "too-slow" || code === "unavailable";
}

async function once(client: RestClient, options: Upload, stored: number): Promise<Uploaded | { readonly error: RestError }> {
  const reading: { fault?: Error } = {};
  let sent = stored;
  let isOver = false;
  async function* body(): AsyncGenerator<Buffer> {
    try {
      for await (const piece of pieces(options.files, options.stdin, stored)) {
        yield piece.bytes;
        // Whoever reads this goes on reading for a while after the request has ended.
        if (isOver || options.signal.aborted) return;
        sent += piece.artifacts;
        options.onProgress(sent, piece.readBytes);
      }
    } catch (error) {
      reading.fault = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  }
  try {
    const answer = await client.call("POST /api/v1/artifacts/import", {
      query: { ...(stored === 0 ? {} : { after: stored }), ...(options.dryRun ? { dry_run: true } : {}) },
      body: body(),
      headers: { "content-type": "application/x-ndjson" },
      idempotencyKey: options.key,
      signal: options.signal,
    });
    const { lines, invalid_paths: invalidPaths } = answer.data;
    return { lines, invalidPaths, taskId: "task_id" in answer.data ? answer.data.task_id : undefined };
  } catch (error) {
    if (reading.fault !== undefined) throw reading.fault;
    if (!(error instanceof RestError)) throw error;
    if (error.faults.length > 0) throw await placed(error, options.files);
    if (isPassing(error)) return { error };
    throw error;
  } finally {
    isOver = true;
  }
}

/** The service numbers artifacts; people look for lines of their files. */
async function placed(error: RestError, files: readonly SourceFile[]): Promise<RestError | CliError> {
  const numbered = error.faults.map(({ at, message }) => ({ number: Number(/^\d+/.exec(at)?.[0] ?? Number.NaN), message: message.replace(/^line \d+: /, "") }));
  if (numbered.some(({ number }) => Number.isNaN(number))) return error;
  const places = await placesOf(files, new Set(numbered.map(({ number }) => number)));
  return Object.assign(invalid(numbered.map(({ number, message }) => {
    const place = places.get(number);
    return `${place === undefined ? `artifact ${number}` : `${place.file}, line ${place.line}`}: ${message}`;
  })), { cause: error }) satisfies CliError;
}
