// Roots that were published, and that this database lost (rule 15): clients have them, and only storage tells.
//
// One without new online keys moves no timestamp, so that nothing else would show the loss; its number would be signed a
// second time, and root names are never used twice. What storage holds there, and our root and its own signed, is taken
// over as if it had been signed here. What waited under its number is done if it is that root, and else given up.

import { DatabaseError, type EventEffect, type SettingValue, type SigningEvent } from "../ports/database.ts";
import { reasonOf } from "../lib/app-error.ts";
import { changesOnlineKeys } from "../roles/root-update.ts";
import type { Root } from "../tuf/documents.ts";
import { parseEnvelope, type ParsedEnvelope } from "../tuf/parse.ts";
import { TrustedSet } from "../tuf/trusted-set.ts";
import { READ_AT_MOST } from "./adopt-trust.ts";
import { finishedAnswers } from "./answers.ts";
import type { PublisherDeps } from "./deps.ts";
import { PublisherError } from "./errors.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { eventById } from "./root-event.ts";
import { rootSettings } from "./root-settings.ts";
import { rotationOf } from "./rotation.ts";

const nameOf = (version: number): string => `${String(version)}.root.json`;

/**
 * Takes over every root that follows. Repeatable: each step leaves what the next one finds.
 * @throws PublisherError `foreign` when a file lies there that does not follow from our root
 */
export async function takeLostRoots(deps: PublisherDeps, hold: LeaseHold): Promise<void> {
  while (await takeNext(deps, hold));
}

async function takeNext(deps: PublisherDeps, hold: LeaseHold): Promise<boolean> {
  const { database, storage, clock, telemetry } = deps;
  const current = await database.envelope("root");
  if (current === undefined) return false;
  const version = current.version + 1;
  const stored = await storage.read(nameOf(version), READ_AT_MOST);
  if (stored === undefined) return false;
  const live = (await database.signingEvents()).filter(({ kind, state }) => kind === "root" && state !== "cancelled");
  // One that was frozen here and stored, and not ended yet, is not lost: it goes on (row 37).
  if (live.some(({ frozen }) => frozen?.equals(stored.bytes) === true)) return false;

  const next = followerOf(current.bytes, version, stored.bytes);
  const changesKeys = rotationOf(await database.settings()) !== undefined || changesOnlineKeys(parseEnvelope(current.bytes, "root").signed, next.signed);
  const event = await frozenAs(deps, hold, live, next, changesKeys);
  telemetry.log.error({ role: "root", version }, "took over a root that is published and that this database lost");
  if (changesKeys) return false;
  await database.endEvent(hold.lease, event.id, {
    envelopes: [{ role: "root", version, bytes: next.bytes }],
    settings: rootSettings(next.signed, JSON.parse(next.bytes.toString("utf8")) as SettingValue),
    results: finishedAnswers(event, clock.now()),
  });
  return true;
}

/** As a client judges it, but for age. */
function followerOf(current: Buffer, version: number, bytes: Buffer): ParsedEnvelope<"root"> {
  try {
    new TrustedSet(current, { now: 0 }).updateRoot(bytes);
    return parseEnvelope(bytes, "root");
  } catch (error) {
    throw new PublisherError("foreign", `storage holds a ${nameOf(version)} that does not follow from this repository's root ${String(version - 1)}: ${reasonOf(error)}. Clients are refused by it; nothing is published until it is known whose it is`, { cause: error });
  }
}

/**
 * The signing event that says the same, or a new one, frozen with the stored bytes; others of its number are given up.
 * One that changes online keys is a recovery (rule 22), which the ceremony ends: clients have the new keys already, and the
 * timestamp that is ours is by the old ones.
 */
async function frozenAs({ database, clock, random }: PublisherDeps, hold: LeaseHold, live: readonly SigningEvent[], next: ParsedEnvelope<"root">, changesKeys: boolean): Promise<SigningEvent> {
  const { version } = next.signed;
  const same = live.find(({ state, document }) => state === "open" && parseEnvelope(document, "root").canonical.equals(next.canonical));
  // A change of keys under way names its frozen event: the recovery ends both.
  const gone = live.filter((event) => event !== same && (event.state === "open" || !changesKeys));
  const id = same?.id ?? random.hex(16);
  const start = { id, role: "root", kind: "root" as const, version, document: next.bytes, signatures: [], task: "", startedMs: clock.now(), ...(changesKeys ? { note: { compromised: true } } : {}) };
  const effects: EventEffect[] = gone.map((event) => ({ giveUp: { event: event.id, reason: `root version ${String(version)} is published already` } }));
  if (same === undefined) effects.push(changesKeys ? { start, besideFrozen: true } : { start });
  hold.require();
  if (effects.length > 0) await database.endTasks(hold.lease, [], undefined, effects);
  await database.freezeEvent(hold.lease, id, { bytes: next.bytes, signatures: same?.signatures.length ?? 0 });
  return await eventById({ database }, id);
}

/**
 * Before people sign the next root, or what they signed is frozen: our root is the last that clients can have.
 * @throws DatabaseError `stale-base`: recovery takes over what was lost; PublisherError `foreign`, as above
 */
export async function requireLastRoot({ database, storage }: Pick<PublisherDeps, "database" | "storage">, { root }: { readonly root: Root }): Promise<void> {
  const known = await database.envelope("root");
  if (known?.version !== root.version) throw new DatabaseError("stale-base", `the database has root version ${String(known?.version)}, and version ${String(root.version)} is published`);
  const version = root.version + 1;
  const stored = await storage.read(nameOf(version), READ_AT_MOST);
  if (stored === undefined) return;
  followerOf(known.bytes, version, stored.bytes);
  throw new DatabaseError("stale-base", `root version ${String(version)} lies in storage already`);
}
