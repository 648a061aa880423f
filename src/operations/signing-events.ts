// Documents that wait for signatures, and who may sign them.

import type { Database, SigningEvent } from "../ports/database.ts";
import { demandsIn, noteOf } from "../roles/pending-edit.ts";
import { demandsOf } from "../roles/root-update.ts";
import type { Demand } from "../roles/signing-event.ts";
import { parseEnvelope } from "../tuf/parse.ts";

/** The event of a role that can still be signed, or stopped. */
export async function openEventOf(database: Database, role: string): Promise<SigningEvent | undefined> {
  return (await database.signingEvents()).find((event) => event.role === role && event.state === "open");
}

/** Whose signatures `event` needs: of a root its own keys and those of the one in force, else the people that root or the delegation names. */
export async function demandsFor(database: Database, event: SigningEvent): Promise<readonly Demand[]> {
  if (event.kind === "delegated") return demandsIn(noteOf(event));
  const current = event.kind === "bootstrap" ? undefined : await database.envelope("root");
  return demandsOf(current === undefined ? undefined : parseEnvelope(current.bytes, "root").signed, parseEnvelope(event.document, "root").signed);
}
