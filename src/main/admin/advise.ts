// `rstuf admin advise`: how many bins the repository is best cut into.

import type { CliContext } from "../../cli/context.ts";
import { tell } from "../../cli/output/tell.ts";
import { Reader } from "../../drivers/database/sqlite/reader.ts";
import type { SettingValue } from "../../ports/database.ts";
import { advised, choices, type Choice, type Numbers } from "../../roles/advice.ts";
import { databaseOrderOf, openDatabase, type DatabaseOrder } from "../database.ts";
import { placeOf, requireDatabase, type StateFlags } from "./state.ts";

export interface AdviseFlags extends StateFlags {
  readonly artifacts?: number;
  readonly targetBytes?: number;
  readonly lookups: number;
}

/** What is reckoned with where nothing is known: a path of 60 characters, a sha256 and a length. */
const USUAL_TARGET_BYTES = 200;
const BUSY_MS = 5_000;
const MOST = 1_000_000_000;

export async function advise(context: CliContext, flags: AdviseFlags): Promise<number> {
  const found = flags.artifacts !== undefined && flags.targetBytes !== undefined ? NOTHING : await measured(context, flags);
  const numbers: Numbers = {
    artifacts: flags.artifacts ?? found.artifacts,
    targetBytes: flags.targetBytes ?? found.targetBytes ?? USUAL_TARGET_BYTES,
    lookups: flags.lookups,
  };
  const all = choices(numbers);
  const best = advised(all);
  if (flags.json === true) context.stdout.write(`${JSON.stringify({ ...numbers, bins: found.bins ?? null, advised: best.bins, choices: all })}\n`);
  else for (const line of lines(numbers, all, best, found.bins)) tell(context, "stdout", line);
  return 0;
}

interface Measured {
  readonly artifacts: number;
  readonly targetBytes?: number;
  /** In force; undefined when the repository has none of its own. */
  readonly bins?: number;
}

const NOTHING: Measured = { artifacts: 0 };

/** Read as of now, while the service runs or not. With `--artifacts` a data directory is not needed. */
async function measured(context: CliContext, flags: AdviseFlags): Promise<Measured> {
  const place = placeOf(context, flags);
  try {
    requireDatabase(place);
  } catch (error) {
    if (flags.artifacts !== undefined) return NOTHING;
    throw error;
  }
  const reader = await readerOf(databaseOrderOf(place.config));
  try {
    const rows = (await reader.roles()).filter(({ kind, retired }) => kind === "bins" && !retired);
    let artifacts = 0;
    for (const { role } of rows) artifacts += await reader.countArtifacts(role, MOST);
    const empty = Math.min(...rows.map(({ length }) => length));
    const bytes = rows.reduce((sum, { length }) => sum + length, 0) - rows.length * Math.min(empty, 400);
    const bins = await reader.setting("number_of_delegated_bins");
    return { artifacts, ...(artifacts === 0 ? {} : { targetBytes: Math.round(bytes / artifacts) }), ...(typeof bins === "number" ? { bins } : {}) };
  } finally {
    await reader.close();
  }
}

type Maybe<T> = T | Promise<T>;

/** What both engines answer, at once or later. */
interface NumbersReader {
  roles(): Maybe<readonly { readonly role: string; readonly kind: string; readonly retired: boolean; readonly length: number }[]>;
  countArtifacts(role: string, atMost: number): Maybe<number>;
  setting(name: string): Maybe<SettingValue | undefined>;
  close(): Maybe<void>;
}

async function readerOf(order: DatabaseOrder): Promise<NumbersReader> {
  return order.kind === "sqlite" ? new Reader(order.file, BUSY_MS) : (await openDatabase(order, () => undefined)).database;
}

function* lines({ artifacts, targetBytes, lookups }: Numbers, all: readonly Choice[], best: Choice, now: number | undefined): Generator<string> {
  const said = (n: number): string => n.toLocaleString("en");
  yield `${said(artifacts)} artifacts of ${said(targetBytes)} bytes in their bins; a client looks up ${said(lookups)} per update.`;
  yield "";
  yield `${"bins".padStart(7)}${"a bin has".padStart(12)}${"bin bytes".padStart(13)}${"snapshot bytes".padStart(16)}${"returning".padStart(13)}${"fresh".padStart(13)}`;
  for (const choice of all) {
    const mark = choice.bins === best.bins ? "  <- advised" : choice.bins === now ? "  (now)" : "";
    const row = [choice.targetsPerBin, choice.binBytes, choice.snapshotBytes, choice.returningBytes, choice.freshBytes];
    const widths = [12, 13, 16, 13, 13];
    yield `${said(choice.bins).padStart(7)}${row.map((n, at) => said(n).padStart(widths[at] ?? 0)).join("")}${mark}`;
  }
  yield "";
  yield "Returning, fresh: bytes a client fetches per update, uncompressed, when every bin it asks for has changed.";
  for (const warning of best.warnings) yield `Mind: with ${said(best.bins)} bins ${warning}.`;
  yield now === undefined || now === best.bins ? `Advised: ${said(best.bins)} bins.` : `Advised: ${said(best.bins)} bins instead of ${said(now)}: rstuf admin resize-bins ${String(best.bins)}`;
  if (now !== undefined && now !== best.bins) yield "Reckon with the artifacts of years (--artifacts): names of bins that are gone stay in snapshot for ever.";
}
