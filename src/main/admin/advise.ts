// `rstuf admin advise`: how many bins the repository is best cut into.

import type { CliContext } from "../../cli/context.ts";
import { Reader } from "../../drivers/database/sqlite/reader.ts";
import { advised, choices, type Choice, type Numbers } from "../../roles/advice.ts";
import { placeOf, requireDatabase, type DataDirFlags } from "./data-dir.ts";

export interface AdviseFlags extends DataDirFlags {
  readonly artifacts?: number;
  readonly targetBytes?: number;
  readonly lookups: number;
}

/** What is reckoned with where nothing is known: a path of 60 characters, a sha256 and a length. */
const USUAL_TARGET_BYTES = 200;
const BUSY_MS = 5_000;
const MOST = 1_000_000_000;

export function advise(context: CliContext, flags: AdviseFlags): number {
  const found = flags.artifacts !== undefined && flags.targetBytes !== undefined ? NOTHING : measured(context, flags);
  const numbers: Numbers = {
    artifacts: flags.artifacts ?? found.artifacts,
    targetBytes: flags.targetBytes ?? found.targetBytes ?? USUAL_TARGET_BYTES,
    lookups: flags.lookups,
  };
  const all = choices(numbers);
  const best = advised(all);
  if (flags.json === true) context.stdout.write(`${JSON.stringify({ ...numbers, bins: found.bins ?? null, advised: best.bins, choices: all })}\n`);
  else for (const line of lines(numbers, all, best, found.bins)) context.stdout.write(`${line}\n`);
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
function measured(context: CliContext, flags: AdviseFlags): Measured {
  const place = placeOf(context, flags);
  try {
    requireDatabase(place);
  } catch (error) {
    if (flags.artifacts !== undefined) return NOTHING;
    throw error;
  }
  const reader = new Reader(place.paths.database, BUSY_MS);
  try {
    const rows = reader.roles().filter(({ kind, retired }) => kind === "bins" && !retired);
    const artifacts = rows.reduce((sum, { role }) => sum + reader.countArtifacts(role, MOST), 0);
    const empty = Math.min(...rows.map(({ length }) => length));
    const bytes = rows.reduce((sum, { length }) => sum + length, 0) - rows.length * Math.min(empty, 400);
    const bins = reader.setting("number_of_delegated_bins");
    return { artifacts, ...(artifacts === 0 ? {} : { targetBytes: Math.round(bytes / artifacts) }), ...(typeof bins === "number" ? { bins } : {}) };
  } finally {
    reader.close();
  }
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
