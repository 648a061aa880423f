// What a signing event of a root says.

import type { SigningEvent } from "../ports/database.ts";
import { peopleSignTargets } from "../roles/root-rules.ts";
import type { Root } from "../tuf/documents.ts";
import { parseEnvelope, type ParsedEnvelope } from "../tuf/parse.ts";
import type { PublisherDeps } from "./deps.ts";

/** Whoever starts a root update says so when the old online keys are compromised. */
export const isRecovery = (event: SigningEvent): boolean => (event.note as { readonly compromised?: boolean } | undefined)?.compromised === true;

/** Whoever starts a root update that gives targets to people says so, unless they sign it already. */
export const allowsOfflineTargets = (event: SigningEvent, current: Root): boolean => (event.note as { readonly offlineTargets?: boolean } | undefined)?.offlineTargets === true || peopleSignTargets(current);

/** A recovery that people have yet to sign. */
export const waitsToRecover = (event: SigningEvent): boolean => event.kind === "root" && event.state === "open" && isRecovery(event);

/** The root that is going to be published. */
export function frozenRoot(event: SigningEvent): ParsedEnvelope<"root"> {
  if (event.frozen === undefined) throw new Error(`signing event ${event.id} is not frozen`);
  return parseEnvelope(event.frozen, "root");
}

/** As the database has it now. */
export async function eventById({ database }: Pick<PublisherDeps, "database">, id: string): Promise<SigningEvent> {
  const event = (await database.signingEvents()).find((each) => each.id === id);
  if (event === undefined) throw new Error(`signing event ${id} is gone`);
  return event;
}
