// Envelopes that are in force, as settings and signing requests show them.

import type { Database, SettingValue } from "../ports/database.ts";

/** The current envelope of root, targets, or a role that people sign, as a JSON value; undefined before its first one. */
export async function trustedEnvelope(database: Database, role: string): Promise<SettingValue | undefined> {
  const envelope = await database.envelope(role);
  return envelope === undefined ? undefined : (JSON.parse(envelope.bytes.toString()) as SettingValue);
}
