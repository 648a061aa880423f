// How far a lost history was with its online keys (rules 20, 21), as what it left in storage tells.
//
// Roots that are adopted may take keys from their roles. Whatever still names such a key is handed over as if that root had
// just been shown: what this service signs by itself, by the change of keys that goes on from there; what people sign, by
// asking them. Without this the old key would be needed for good, and nothing would say so. Why a key went is not told by
// any document: none counts as lost here (docs/operate/recovery.md says what to do about one that is).

import type { PublisherDeps } from "./deps.ts";
import type { SettingValue } from "../ports/database.ts";
import type { DelegationTree } from "../roles/delegation.ts";
import { changesOnlineKeys, successions } from "../roles/root-update.ts";
import { laterHanded } from "../roles/successor.ts";
import type { Root } from "../tuf/documents.ts";
import { parseEnvelope } from "../tuf/parse.ts";
import { verifyThreshold } from "../tuf/threshold.ts";
import { followed, ownRolesOf } from "./handover.ts";
import { HANDED, handedOf, handedSetting, ROTATION, rotationOf, type Rotation } from "./rotation.ts";

export interface AdoptedChain {
  /** The bytes of the roots that this database lacked, in order. */
  readonly roots: readonly Buffer[];
  readonly timestamp: Buffer;
  /** Who delegates to whom by what is adopted. */
  readonly tree: DelegationTree;
}

/** The settings that say so; none when nothing about keys moved, here or there. */
export async function adoptedKeys({ database }: Pick<PublisherDeps, "database">, { roots, timestamp, tree }: AdoptedChain): Promise<Readonly<Record<string, SettingValue>>> {
  const settings = await database.settings();
  const rotation = rotationOf(settings);
  if (roots.length === 0 && rotation === undefined) return {};
  const known = await database.envelope("root");
  if (known === undefined) return {};
  const earlier = await database.envelope("root", known.version - 1);
  const chain = [...(earlier === undefined ? [] : [earlier.bytes]), known.bytes, ...roots].map((bytes) => parseEnvelope(bytes, "root").signed);
  const pairs = chain.slice(1).map((root, at): readonly [Root, Root] => [chain[at] as Root, root]);
  // The last change that this database knows is over, unless it says that it is not.
  const open = earlier !== undefined && rotation?.phase !== "shown" ? pairs.slice(1) : pairs;
  const gone = open.reduce((so, [before, root]) => followed(so, successions(before, root)), rotation?.phase === "bins" ? rotation.handed : []);
  const [before, root] = pairs.at(-1) ?? [];
  const isOwed = root !== undefined && gone.some(({ old }) => ownRolesOf({ root, tree }, old).length > 0);
  const bothSign = before !== undefined && root !== undefined && changesOnlineKeys(before, root) && verifyThreshold({ keys: before.keys, role: before.roles.timestamp }, parseEnvelope(timestamp, "timestamp")).met;
  const goesOn: Rotation = { phase: "shown" };
  return {
    [ROTATION]: isOwed || bothSign ? goesOn : null,
    [HANDED]: handedSetting(laterHanded(handedOf(settings), gone, false)),
  };
}
