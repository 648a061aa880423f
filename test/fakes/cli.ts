// A command line run in this process, with everything it said, and a person at its terminal if
// one is given.

import { PassThrough, Writable } from "node:stream";
import type { CliContext } from "../../src/cli/context.ts";
import { runProgram, type ProgramParts } from "../../src/cli/program.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { createPerson, type Person } from "./person.ts";

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
  /** HOME is `cwd` unless it is given here. */
  readonly env?: Readonly<Record<string, string>>;
  readonly isTty?: boolean;
  readonly isStdoutTty?: boolean;
  readonly columns?: number;
  /** What a file or a pipe at stdin holds. */
  readonly stdin?: string;
  /** stdin is a pipe to which nobody ever writes, and which nobody closes. */
  readonly silentStdin?: boolean;
  /** Somebody sits at a terminal, reads the questions on stderr and answers them. */
  readonly talk?: (person: Person) => Promise<void>;
  /** The real one instead, for a command that speaks with a real service. */
  readonly clock?: Clock;
  /** By how much the monotonic clock moves each time it is read. */
  readonly tickMs?: number;
  /** Whether a sleep is over as soon as nothing else is ready; otherwise it lasts until it is aborted. */
  readonly sleeps?: boolean;
  /** Aborted as by Ctrl-C. */
  readonly interruption?: AbortSignal;
  readonly parts?: ProgramParts;
}

/** Runs one command line. Rejects when the talk does; one that waits for what never comes does so when the command ends. */
export async function runCli(argv: readonly string[], world: CliWorld): Promise<CliRun> {
  const person = world.talk === undefined ? undefined : createPerson({ columns: world.columns ?? 80 });
  const { context, stdout, stderr, exitCode } = createTestContext(world, person);
  const ran = runProgram(context, argv, world.parts).finally(() => person?.leave());
  await Promise.all([ran, person === undefined ? undefined : world.talk?.(person)]);
  return { stdout: stdout(), stderr: stderr(), exitCode: exitCode() };
}

export interface TestContext {
  readonly context: CliContext;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly exitCode: () => number;
}

export function createTestContext(world: CliWorld, person?: Person): TestContext {
  const [stdout, stderr] = [collector(), collector()];
  let exitCode = 0;
  let ticks = 0;
  const clock: Clock = world.clock ?? { now: () => world.now ?? Date.now(), monotonic: () => (ticks += world.tickMs ?? 1), sleep: world.sleeps === true ? untilTurned : untilAborted };
  const stdin = person?.stdin ?? (world.silentStdin === true ? new PassThrough() : undefined) ?? PassThrough.from(world.stdin === undefined ? [] : [Buffer.from(world.stdin)]);
  const context: CliContext = {
    stdin,
    stdout: stdout.stream,
    stderr: person?.screen ?? stderr.stream,
    env: (name) => world.env?.[name] ?? (name === "HOME" ? world.cwd : undefined),
    cwd: world.cwd,
    isTty: world.isTty ?? person !== undefined,
    isStdoutTty: world.isStdoutTty ?? false,
    canAsk: person !== undefined,
    columns: () => world.columns ?? 80,
    clock,
    fraction: () => 0.5,
    version: "0.0.0-test",
    interruption: () => world.interruption ?? new AbortController().signal,
    setExitCode: (code) => {
      exitCode = code;
    },
  };
  return { context, stdout: () => stdout.text(), stderr: () => person?.seen() ?? stderr.text(), exitCode: () => exitCode };
}

/** Time stands still, so no wait ends by itself. */
function untilAborted(_ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve();
    signal?.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Whoever sleeps goes on when everything else that was ready has run. */
function untilTurned(_ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve();
    else setImmediate(resolve);
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
