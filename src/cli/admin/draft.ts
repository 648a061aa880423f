// A ceremony that was interrupted goes on where it was: the answers so far, and the root with
// the signatures it has, lie in a file in the folder of the ceremony. Nothing in it is secret.

import { rm } from "node:fs/promises";
import { readFileAtMost } from "../read-file.ts";
import type { Session } from "../session.ts";
import { writeJsonFile } from "./payload-file.ts";
import type { WrittenPlan } from "./plan.ts";

export const DRAFT_FILE = "rstuf-ceremony.draft.json";
const MAX_BYTES = 16 * 1024 * 1024;

export interface Draft {
  /** RFC 3339. */
  readonly started: string;
  readonly plan: WrittenPlan;
  /** The root's envelope, once it was composed. */
  readonly root?: unknown;
  /** That of targets, where people sign it. */
  readonly targets?: unknown;
}

export async function readDraft(session: Session): Promise<Draft | undefined> {
  try {
    const draft = JSON.parse((await readFileAtMost(session.path(DRAFT_FILE), MAX_BYTES)).toString("utf8")) as Draft;
    return typeof draft.started === "string" && typeof draft.plan === "object" ? draft : undefined;
  } catch {
    return undefined;
  }
}

export async function writeDraft(session: Session, draft: Draft): Promise<void> {
  await writeJsonFile(session, DRAFT_FILE, draft);
}

export async function removeDraft(session: Session): Promise<void> {
  await rm(session.path(DRAFT_FILE), { force: true });
}
