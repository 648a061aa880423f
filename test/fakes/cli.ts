// A command line run in this process, with everything it said.

import { Writable } from "node:stream";
import type { CliContext } from "../../src/cli/context.ts";
import { runProgram, type ProgramParts } from "../../src/cli/program.ts";
import type { Clock } from "../../src/ports/clock.ts";

export interface CliRun {
  readonly stdout: string;
  readonly stderr: string;
  /** 0 unless the program said otherwise. */
  readonly exitCode: number;
}

export interface CliWorld {
  readonly cwd: string;
  /** Milliseconds; stands still. */
  readonly now?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly isTty?: boolean;
  /** By how much the monotonic clock moves each time it is read. */
  readonly tickMs?: number;
  readonly parts?: ProgramParts;
}

export async function runCli(argv: readonly string[], world: CliWorld): Promise<CliRun> {
  const [stdout, stderr] = [collector(), collector()];
  let exitCode = 0;
  let ticks = 0;
  const clock: Clock = { now: () => world.now ?? Date.now(), monotonic: () => (ticks += world.tickMs ?? 1), sleep: untilAborted };
  const context: CliContext = {
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: (name) => world.env?.[name],
    cwd: world.cwd,
    isTty: world.isTty ?? false,
    clock,
    version: "0.0.0-test",
    setExitCode: (code) => {
      exitCode = code;
    },
  };
  await runProgram(context, argv, world.parts);
  return { stdout: stdout.text(), stderr: stderr.text(), exitCode };
}

/** Time stands still, so no wait ends by itself. */
function untilAborted(_ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve();
    signal?.addEventListener("abort", () => resolve(), { once: true });
  });
}

function collector(): { readonly stream: Writable; text(): string } {
  const pieces: Buffer[] = [];
  const stream = new Writable({
    write(piece: Buffer | string, _encoding, done) {
      pieces.push(Buffer.from(piece));
      done();
    },
  });
  return { stream, text: () => Buffer.concat(pieces).toString("utf8") };
}
