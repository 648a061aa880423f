// Every role pressed in one head, before anything else is published.
//
// Due where nothing tells which versions clients have seen: after an adoption that found no stored snapshot of use, and after
// a jump. Each has to go up, and all in one head, or a client that saw more of one of them would refuse what it is shown.

import type { Database, SettingValue } from "../ports/database.ts";
import { rolesOf } from "../roles/delegation.ts";
import type { Due } from "./due.ts";
import type { Head } from "./head.ts";
import type { LeaseHold } from "./lease-hold.ts";
import { unpressed } from "./people.ts";

/** Setting, as long as it is due. */
export const PRESS_FIRST = "press_first";

/** What is due then; undefined when it is not. What people sign keeps its version until they have signed another. */
export function pressedFirst(settings: Readonly<Record<string, SettingValue>>, head: Head): Due | undefined {
  if (settings[PRESS_FIRST] !== true) return undefined;
  const waits = unpressed(head);
  const all = ["targets", ...rolesOf(head.tree)];
  return { roles: all.filter((role) => !waits.has(role)), people: all.filter((role) => waits.has(role)), force: true };
}

/** It is published. A crash before this costs signatures: all is pressed once more. */
export async function wasPressedFirst(database: Database, hold: LeaseHold): Promise<void> {
  await database.endTasks(hold.lease, [], { [PRESS_FIRST]: null });
}
