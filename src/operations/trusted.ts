// Envelopes that are in force, as settings and signing requests show them.

import type { Database, SettingValue } from "../ports/database.ts";

/** The current envelope of root or targets as a JSON value; undefined before the first head. */
export async function trustedEnvelope(database: Database, role: "root" | "targets"): Promise<SettingValue | undefined> {
  const envelope = await database.envelope(role);
  return envelope === undefined ? undefined : (JSON.parse(envelope.bytes.toString()) as SettingValue);
}
