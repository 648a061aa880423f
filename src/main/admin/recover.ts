// `rstuf admin recover`: going on where database and published metadata parted.

import type { CliContext } from "../../cli/context.ts";
import { CliError } from "../../cli/errors.ts";
import { tell } from "../../cli/output/tell.ts";
import { count } from "../../cli/output/words.ts";
import { printable } from "../../cli/printable.ts";
import { adopt, type Adopted } from "../../publisher/adopt.ts";
import { jump, type Jumped } from "../../publisher/jump.ts";
import { placeOfDatabase } from "../database.ts";
import { Progress } from "./progress.ts";
import { partsOf, placeOf, requireDatabase, withState, type StateFlags } from "./state.ts";

export interface RecoverFlags extends StateFlags {
  readonly adopt?: boolean;
  readonly jump?: number;
}

/** 0: done, or nothing to do. */
export async function recover(context: CliContext, flags: RecoverFlags): Promise<number> {
  const place = placeOf(context, flags);
  requireDatabase(place);
  const progress = new Progress(context, flags.json === true, "recover");
  const { adopted, jumped } = await withState(place.config, partsOf(place), async ({ deps, hold, database }) => {
    if (await database.head() === undefined) throw new CliError("file-unreadable", `${placeOfDatabase(partsOf(place).database)} holds no repository`, { todo: "Restore a backup first; or, with an empty database, take over what is published: rstuf admin adopt." });
    const adopted = flags.adopt === true ? await adopt(deps, hold, (done, of) => { progress.update(done, of, "roles read"); }) : undefined;
    progress.clear();
    const jumped = flags.jump === undefined ? undefined : await jump(deps, hold, flags.jump);
    return { adopted, jumped };
  }).finally(() => { progress.clear(); });
  if (flags.json === true) context.stdout.write(`${JSON.stringify({ adopted: adopted ?? null, jumped: jumped ?? null })}\n`);
  else for (const line of lines(flags, adopted, jumped)) tell(context, "stdout", line);
  return flags.jump !== undefined && jumped === undefined ? 1 : 0;
}

function* lines(flags: RecoverFlags, adopted: Adopted | undefined, jumped: Jumped | undefined): Generator<string> {
  if (flags.adopt === true) yield* adopted === undefined ? ["Nothing to adopt: what is published is of this database. Nothing was changed."] : adoptedLines(adopted);
  if (flags.jump === undefined) return;
  if (jumped === undefined) yield "This database holds no repository: there is nothing to go ahead of.";
  else yield `Every version from now on is above ${String(jumped.counter)}. The next publish presses every role (task ${jumped.task}).`;
  if (adopted !== undefined || jumped !== undefined) yield "Start the service: it goes on from here.";
}

/** So many of a list are named. */
const NAMED = 10;

function* adoptedLines(adopted: Adopted): Generator<string> {
  yield `Adopted what is published: timestamp version ${String(adopted.timestampVersion)}, valid until ${adopted.expires}.`;
  yield `  ${count(adopted.readBack, "artifact")} read back from ${count(adopted.roles.length, "role")} newer than the database; ${count(adopted.dropped, "artifact")} removed since the backup.`;
  if (adopted.roots.length > 0) yield `  Root versions read back: ${named(adopted.roots.map(String))}.`;
  yield `  No version up to ${String(adopted.counter)} is used again.`;
  for (const [reason, roles] of byReason(adopted.pressed)) yield `  The next publish presses again, because it ${printable(reason)}: ${named(roles)}.`;
  yield `  Requests that were pending in the database: ${String(adopted.done)} answered by what is published, ${String(adopted.open)} still pending, ${String(adopted.setAside)} set aside.`;
  for (const { task, path, reason } of adopted.conflicts) yield `    set aside: ${path === "" ? "a change of delegations" : printable(path)}, task ${task}: ${printable(reason)}`;
  if (adopted.setAside > adopted.conflicts.length) yield `    and ${String(adopted.setAside - adopted.conflicts.length)} more of imports`;
  yield "  Tasks and idempotency keys of requests after the backup are not known any more; their effect is.";
}

function byReason(pressed: Adopted["pressed"]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { role, reason } of pressed) groups.set(reason, [...(groups.get(reason) ?? []), role]);
  return groups;
}

const named = (all: readonly string[]): string => all.slice(0, NAMED).join(", ") + (all.length > NAMED ? ` and ${String(all.length - NAMED)} more` : "");
