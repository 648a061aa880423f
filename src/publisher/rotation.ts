// How far a change of online keys is (rules 20, 21), as setting `rotation` keeps it.
//
//   overlap  timestamp, snapshot and targets are signed by old and new keys; the new root waits
//   shown    the new root is published; both keys still sign, for clients in flight
//   bins     the new keys sign alone; targets lists both for the bins, which are pressed again in slices
//
// Each phase is entered by the commit that makes it true, so that a crash resumes where it was.

import type { Database, SettingValue } from "../ports/database.ts";
import type { Root } from "../tuf/documents.ts";
import type { Succession } from "../roles/root-update.ts";
import type { Handed } from "../roles/successor.ts";
import { parseEnvelope } from "../tuf/parse.ts";

export type Rotation =
  | { readonly phase: "overlap"; readonly event: string }
  | { readonly phase: "shown" }
  /** `handed`: the keys that go, and those in their place. `next`: how many bins are done. */
  | { readonly phase: "bins"; readonly handed: readonly Succession[]; readonly next: number };

export const ROTATION = "rotation";

/** Keys that went and that something people sign still names. */
export const HANDED = "handed_keys";

export function handedOf(settings: Readonly<Record<string, SettingValue>>): readonly Handed[] {
  return (settings[HANDED] ?? []) as unknown as readonly Handed[];
}

/** As the setting keeps it. */
export const handedSetting = (handed: readonly Handed[]): SettingValue => (handed.length === 0 ? null : (handed as unknown as SettingValue));

export function rotationOf(settings: Readonly<Record<string, SettingValue>>): Rotation | undefined {
  return (settings[ROTATION] ?? undefined) as Rotation | undefined;
}

/** The other root under which timestamp, snapshot and targets must verify as long as both keys sign. */
export async function otherRootOf(database: Database, rotation: Rotation | undefined, current: number): Promise<Root | undefined> {
  switch (rotation?.phase) {
    case "overlap": {
      const event = (await database.signingEvents()).find(({ id }) => id === rotation.event);
      if (event?.frozen === undefined) throw new Error("the root that online keys change to is gone");
      return parseEnvelope(event.frozen, "root").signed;
    }
    case "shown": {
      const before = await database.envelope("root", current - 1);
      if (before === undefined) throw new Error(`the database lacks root version ${String(current - 1)}`);
      return parseEnvelope(before.bytes, "root").signed;
    }
    default:
      return undefined;
  }
}
