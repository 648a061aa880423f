// What waits for signatures of people, to be looked at: all of it, or one.

import type { SigningEvent, SigningState } from "../ports/database.ts";
import { readBootstrapState } from "./bootstrap-state.ts";
import type { OperationDeps } from "./deps.ts";
import { OperationError } from "./errors.ts";
import { viewOf, type SigningDetail, type SigningView } from "./signing-view.ts";

export interface SigningQuery {
  readonly role?: string;
  readonly state?: SigningState;
}

/** A place in the list: oldest first. */
export interface SigningPlace {
  readonly startedMs: number;
  readonly id: string;
}

/** @throws OperationError `bootstrap-required` unless bootstrapped or collecting its signatures */
export async function listSigningEvents(
  deps: OperationDeps, { role, state }: SigningQuery, after: SigningPlace | undefined, limit: number,
): Promise<{ readonly rows: readonly SigningView[]; readonly next?: SigningPlace }> {
  const events = (await readEvents(deps))
    .filter((event) => (role === undefined || event.role === role) && (state === undefined || event.state === state))
    .sort(byPlace)
    .filter((event) => after === undefined || byPlace(event, after) > 0);
  const rows: SigningView[] = [];
  for (const event of events.slice(0, limit)) rows.push(await viewOf(deps, event));
  const last = rows.at(-1);
  return { rows, ...(last === undefined || events.length <= limit ? {} : { next: { startedMs: last.startedMs, id: last.id } }) };
}

/** Undefined: none of that id, or none any more. @throws OperationError as `listSigningEvents` */
export async function getSigningEvent(deps: OperationDeps, id: string): Promise<SigningDetail | undefined> {
  const event = (await readEvents(deps)).find((each) => each.id === id);
  return event === undefined ? undefined : await viewOf(deps, event);
}

const byPlace = (a: SigningPlace, b: SigningPlace): number => a.startedMs - b.startedMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

async function readEvents({ database }: OperationDeps): Promise<readonly SigningEvent[]> {
  const { name } = await readBootstrapState(database);
  if (name !== "finished" && name !== "signing") throw new OperationError("bootstrap-required", `nothing can wait for signatures; state: ${name}`, { state: name });
  return await database.signingEvents();
}
