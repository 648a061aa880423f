// `rstuf admin migrate`: a repository moves: its metadata to another folder or bucket, its state from SQLite
// to PostgreSQL, or both.
//
// With the database's lease, so that nothing is published meanwhile. Everything clients may still ask for is
// copied, timestamp.json last: whoever reads the new place early sees nothing, or all of it. Names are
// created, never replaced, so a run cut short is repeated, and a place where another repository lies is
// refused. Clients notice nothing: the bytes are the same, under whatever address you then point at them.
//
// The state moves in one transaction, after the files, into a database that holds nothing. The old one is
// marked before that transaction is committed and cannot be started from then on: at no moment can two
// services serve the repository. A run that was cut off anywhere is repeated, and finds what is done.

import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { CliContext } from "../../cli/context.ts";
import { CliError } from "../../cli/errors.ts";
import { tell } from "../../cli/output/tell.ts";
import { count } from "../../cli/output/words.ts";
import { processEnvironment } from "../../config/environment.ts";
import { loadConfig } from "../../config/load.ts";
import { markMoved, markOf, unmarkMoved } from "../../drivers/database/sqlite/moved.ts";
import type { Report } from "../../fsck/fsck.ts";
import { DatabaseError, type CommittedHead, type Database } from "../../ports/database.ts";
import type { Storage } from "../../ports/storage.ts";
import { databaseOrderOf, openDatabase, placeOfDatabase, type DatabaseOrder } from "../database.ts";
import { openStorage, placeOfStorage, storageOrderOf, type StorageOrder } from "../storage.ts";
import { copyPublished } from "./copy-published.ts";
import { copyInto, type PostgresOrder } from "./copy-state.ts";
import { look, tellUnsound } from "./look.ts";
import { Progress } from "./progress.ts";
import { partsOf, placeOf, withState, type StateFlags } from "./state.ts";

export interface MigrateFlags extends StateFlags {
  readonly to: string;
}

const READ_AT_MOST = 64 * 1024 * 1024;

/** What moves: undefined stays where it is. */
interface Move {
  readonly from: { readonly database: DatabaseOrder; readonly storage: StorageOrder };
  readonly storage: StorageOrder | undefined;
  readonly database: PostgresOrder | undefined;
}

/** 0: moved, and sound. */
export async function migrate(context: CliContext, flags: MigrateFlags): Promise<number> {
  const place = placeOf(context, flags);
  const { config } = loadConfig({ flags: {}, configFile: resolve(context.cwd, flags.to), environment: ofNewPlace(processEnvironment()), cwd: context.cwd, purpose: "no-api" });
  const move = moveBetween(partsOf(place), { database: databaseOrderOf(config), storage: storageOrderOf(config) }, flags.to);
  if (move.from.database.kind === "sqlite" && !existsSync(move.from.database.file)) throw new CliError("file-unreadable", `${place.config.dataDir} is no data directory: it holds no rstuf.db`);
  const target = move.storage ?? move.from.storage;
  const progress = new Progress(context, flags.json === true, "migrate");
  const storage = await openStorage(target);
  try {
    if (move.storage !== undefined) await storage.prove();
    const { files, report } = await withState(place.config, move.from, async ({ database, storage: old }) => {
      const head = await requireWhole(database, old, move);
      const files = move.storage === undefined ? 0 : await copyPublished({ from: move.from.storage, old, to: move.storage, target: storage }, database, head, progress);
      const report = await look(database, storage, progress);
      if (move.database === undefined || (report !== undefined && report.faults.length > 0)) return { files, report };
      await copyDatabase(move, move.database, head, new Date(context.clock.now()).toISOString(), progress);
      return { files, report: await lookAtCopy(move.database, storage, head, progress) };
    });
    progress.clear();
    if (report !== undefined && report.faults.length > 0) return tellUnsound(context, report, `Copied to ${placeOfStorage(target)}, but it is not sound: do not use it.`, flags.json === true);
    const moved = { ...(move.storage === undefined ? {} : { from: placeOfStorage(move.from.storage), to: placeOfStorage(move.storage), files }), ...(move.database === undefined ? {} : { database: placeOfDatabase(move.database) }) };
    if (flags.json === true) context.stdout.write(`${JSON.stringify(moved)}\n`);
    else for (const line of words(move, files, flags.to)) tell(context, "stdout", line);
    return 0;
  } finally {
    progress.clear();
    await storage.close();
  }
}

/** @throws CliError when nothing would move, or what cannot */
function moveBetween(from: Move["from"], to: Move["from"], file: string): Move {
  const files = placeOfStorage(to.storage) !== placeOfStorage(from.storage);
  const state = to.database.kind === "postgres" && placeOfDatabase(to.database) !== placeOfDatabase(from.database) ? to.database : undefined;
  if (from.database.kind === "postgres" && placeOfDatabase(to.database) !== placeOfDatabase(from.database)) {
    throw new CliError("not-here", `the state is in ${placeOfDatabase(from.database)}, and ${file} names another database; nothing was changed`, {
      todo: "From PostgreSQL to another database: stop workers and APIs, rstuf admin backup, then rstuf admin restore with the other configuration.",
    });
  }
  if (!files && state === undefined) throw new CliError("file-exists", `${file} names the place where ${from.database.kind === "sqlite" ? "the metadata is" : "all of it is"} already, and no other database; nothing was changed`);
  const database: DatabaseOrder = from.database.kind === "sqlite" && state !== undefined ? { ...from.database, moved: "open all the same" } : from.database;
  return { from: { ...from, database }, storage: files ? to.storage : undefined, database: state };
}

/** The database went on at another place, or a publish was cut off: to copy this one would show an older state, or a broken one. */
async function requireWhole(database: Database, old: Storage, { from }: Move): Promise<CommittedHead> {
  const head = await database.head();
  if (head === undefined) throw new CliError("file-unreadable", "there is no repository yet: nothing to move. Start the service with the new configuration");
  if ((await old.read("timestamp.json", READ_AT_MOST))?.bytes.equals(head.timestamp) === true) return head;
  throw new CliError("file-unreadable", `${placeOfStorage(from.storage)} does not hold what this database published last: it was moved already, or a publish was cut off. In the second case start the service there once more, stop it, and repeat. Nothing was changed`);
}

async function copyDatabase({ from }: Move, to: PostgresOrder, head: CommittedHead, when: string, progress: Progress): Promise<void> {
  if (from.database.kind !== "sqlite") return;
  const { file } = from.database;
  const where = placeOfDatabase(to);
  const before = existsSync(markOf(file)) ? readFileSync(markOf(file), "utf8") : undefined;
  if (before !== undefined && !before.includes(`moved to ${where} `)) throw new CliError("file-exists", `${file} was moved to another database already: ${before.split("\n")[0] ?? ""}. Nothing was changed`);
  if (await holds(to, head)) return;
  markMoved(file, markText(where, when));
  try {
    await copyInto(to, file, progress);
  } catch (error) {
    // Stored or not: nobody may start the old one before that is known.
    if (error instanceof DatabaseError && error.code === "unclear") {
      throw new CliError("busy", `whether the state is in ${where} now is not known`, { why: "the connection broke as it was committed", todo: "Say this again: it finds out, and goes on.", cause: error });
    }
    if (before === undefined) unmarkMoved(file);
    throw error;
  }
}

/** Whether the state is there already. @throws CliError `file-exists` when it went on there, or is another's */
async function holds(order: PostgresOrder, head: CommittedHead): Promise<boolean> {
  const { database } = await openDatabase(order, () => undefined);
  try {
    const there = await database.head();
    if (there?.sha256 === head.sha256 && there.seq === head.seq) return true;
    if (await database.committed(head.sha256) !== undefined) throw new CliError("file-exists", `${placeOfDatabase(order)} holds this repository already, and went on: it was moved before. Nothing was changed`);
    return false;
  } finally {
    await database.close();
  }
}

/** As the services will find it. */
async function lookAtCopy(order: PostgresOrder, storage: Storage, head: CommittedHead, progress: Progress): Promise<Report | undefined> {
  const { database } = await openDatabase(order, () => undefined);
  try {
    if ((await database.head())?.sha256 !== head.sha256) throw new CliError("busy", `${placeOfDatabase(order)} went on while it was looked at: a worker runs on it already`);
    return await look(database, storage, progress);
  } finally {
    await database.close();
  }
}

const markText = (where: string, when: string): string => `moved to ${where} on ${when}

rstuf serve, and every rstuf admin command, leaves this database alone: the repository goes on there, and
two services would part ways. To go back is right only if nothing was accepted or published from there:
then drop the schema rstuf of that database, and remove this file.
`;

function* words({ from, storage, database }: Move, files: number, config: string): Generator<string> {
  if (storage !== undefined) yield `Moved to ${placeOfStorage(storage)}: ${count(files, "file")}; looked at and sound.`;
  if (database !== undefined) yield `Moved the state to ${placeOfDatabase(database)}: every row, counted; it agrees with what is published.`;
  if (database === undefined) yield `Now start the service with ${config}, and the same data directory and keys${storage === undefined ? "." : "; then point the address that clients use at the new place."}`;
  else yield `Now start rstuf api and rstuf worker with ${config}, and the same keys${storage === undefined ? "." : "; then point the address that clients use at the new place."}`;
  if (storage !== undefined) yield `Leave ${placeOfStorage(from.storage)} as it is until then, and do not start the old configuration again: two services would part ways.`;
  if (database !== undefined && from.database.kind === "sqlite") yield `${from.database.file} cannot be started any more; ${markOf(from.database.file)} says how to go back.`;
}

/** The file alone says where to go: variables of the old place would be read into it. */
function ofNewPlace(environment: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  const isSecret = (name: string): boolean => /(?:_KEY|_FILE|_KEY_ID|_PASSWORD)$/.test(name);
  return Object.fromEntries(Object.entries(environment).filter(([name]) =>
    name !== "RSTUF_CONFIG" && name !== "RSTUF_METADATA_DIRECTORY" && (!/^RSTUF_(?:STORAGE|DATABASE)_/.test(name) || isSecret(name))));
}
