// Ports that fail on demand and keep their contract all the same.
//
// A wrapper lets hooks in around every call: `before` it happened, `sent` when it can no
// longer be called back, `after` it happened. A hook that throws makes the call fail, one
// that waits holds it in flight, one that never resolves is the death of the caller. So:
//
//   before throws    not stored: nothing happened, and the caller is told so
//   sent waits       a write that lands late, after others wrote
//   after throws     stored, but reported failed
//   after waits      an answer that comes late
//   never            killed
//
// The errors are those the port allows; what a hook throws should come from `failure`.

import { DatabaseError, type Database } from "../../src/ports/database.ts";
import { SignerError, type Signers } from "../../src/ports/signer.ts";
import type { Rest } from "../../src/ports/rest.ts";
import { StorageError, type NewFile, type Storage } from "../../src/ports/storage.ts";

/** One call of a port: `database.cut`, `storage.create snapshot`, `signer.sign targets`. */
export interface PortCall {
  readonly name: string;
  /** The file of a storage call, the files of a bulk call. */
  readonly files: readonly string[];
}

export interface FaultHooks {
  before?(call: PortCall): void | Promise<void>;
  /** Only where a call can be on its way: writes to a storage that compares and swaps by itself. */
  sent?(call: PortCall): void | Promise<void>;
  after?(call: PortCall): void | Promise<void>;
  /** How many files of a bulk call are stored before it fails; undefined: all, and it does not. */
  partly?(call: PortCall): number | undefined;
  /** Signatures as they come back; another key's or a stale one, say. */
  answer?(signature: string, bytes: Uint8Array): string | Promise<string>;
}

/** Resolves never: what a call of a dead process comes to. */
export function never(): Promise<never> {
  return new Promise(() => {});
}

/** What the caller of a failed call is told; `stored`: it happened all the same. */
export function failure(call: PortCall, stored: boolean): Error {
  const reason = `${call.name} failed, and ${stored ? "happened" : "did not happen"}`;
  if (call.name.startsWith("storage.")) return new StorageError("unavailable", reason);
  if (call.name.startsWith("sign")) return new SignerError("unavailable", reason);
  return new DatabaseError(stored && call.name !== "database.accept" ? "unclear" : "unavailable", reason);
}

async function around<T>(hooks: FaultHooks, call: PortCall, run: () => Promise<T>): Promise<T> {
  await hooks.before?.(call);
  const answer = await run();
  await hooks.after?.(call);
  return answer;
}

const NOT_INTERCEPTED = new Set<string | symbol>(["subscribe", "close"]);

/** Every method of the database but `subscribe` and `close`. `target` is asked at each call: it may be exchanged. */
export function faultyDatabase(target: () => Database, hooks: FaultHooks): Database {
  return new Proxy({} as Database, {
    get(_, method) {
      const call = (...args: readonly unknown[]): unknown => (Reflect.get(target(), method) as (...args: readonly unknown[]) => unknown).apply(target(), [...args]);
      if (NOT_INTERCEPTED.has(method)) return call;
      return (...args: readonly unknown[]) => around(hooks, { name: `database.${String(method)}`, files: [] }, async () => call(...args));
    },
  });
}

/** Which kind of file a name is: `snapshot`, `root`, `timestamp`, or `role` for all others. */
function fileKind(name: string): string {
  return /(?:^|\.)(timestamp|snapshot|root)\.json$/.exec(name)?.[1] ?? "role";
}

export function faultyStorage(target: Storage, hooks: FaultHooks): Storage {
  const on = (operation: string, name: string): PortCall => ({ name: `storage.${operation} ${fileKind(name)}`, files: [name] });
  return {
    traits: target.traits,
    prove: () => target.prove(),
    close: () => target.close(),
    create: (name, bytes) => around(hooks, on("create", name), () => target.create(name, bytes)),
    createAll: (files: readonly NewFile[], rest?: Rest) => {
      const call: PortCall = { name: "storage.createAll", files: files.map((file) => file.name) };
      return around(hooks, call, async () => {
        const stored = hooks.partly?.(call);
        if (stored === undefined) return target.createAll(files, rest);
        await target.createAll(files.slice(0, stored));
        throw failure(call, true);
      });
    },
    read: (name, maxBytes) => around(hooks, on("read", name), () => target.read(name, maxBytes)),
    replace: (name, bytes, expected, mayWrite) => {
      const call = on("replace", name);
      const copy = Buffer.from(bytes);
      return around(hooks, call, async () => {
        // Where the storage has no condition of its own, asking and writing are one block.
        if (target.traits.weakReplace) return target.replace(name, copy, expected, mayWrite);
        if (!mayWrite()) return "conflict";
        await hooks.sent?.(call);
        return target.replace(name, copy, expected, () => true);
      });
    },
    remove: (name) => around(hooks, on("remove", name), () => target.remove(name)),
  };
}

export function faultySigners(target: Signers, hooks: FaultHooks): Signers {
  return {
    open: (uri, key) =>
      around(hooks, { name: "signers.open", files: [] }, async () => {
        const signer = await target.open(uri, key);
        return {
          uri: signer.uri,
          sign: (bytes) =>
            around(hooks, { name: `signer.sign ${/"_type":"(\w+)"/.exec(Buffer.from(bytes).toString("latin1"))?.[1] ?? "proof"}`, files: [] }, async () => {
              const signature = await signer.sign(bytes);
              return (await hooks.answer?.(signature, bytes)) ?? signature;
            }),
        };
      }),
  };
}
