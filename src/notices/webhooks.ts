// Webhooks: each receiver is told every notice, in order, at least once.
//
// It keeps three promises:
//  1. Nothing waits for a receiver: notices are read from the log, by this process's own pace.
//  2. A notice is tried three times; then it is given up, logged, and the next one has its turn.
//  3. How far a receiver is stands in the database: a crash repeats the last few notices and loses
//     none; of several processes one sends (`takeDelivery`). A receiver knows repeats by their id.
// A receiver that is new begins with what comes next.

import { sha256Hex } from "../tuf/crypto.ts";
import { AppError, reasonOf } from "../lib/app-error.ts";
import type { Clock, Random } from "../ports/clock.ts";
import type { Database, Notice, NoticeKind } from "../ports/database.ts";
import type { Logger } from "../ports/telemetry.ts";
import type { WebhookSender } from "../ports/webhook.ts";
import { followNotices } from "./follow.ts";
import { messageOf, missedMessage } from "./message.ts";

export interface WebhookDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly sender: WebhookSender;
}

export interface WebhookSettings {
  readonly urls: readonly string[];
  /** What receivers are told of. */
  readonly kinds: readonly NoticeKind[];
}

/** Longer than a notice takes at most: three tries of 5 s and the pauses between them. */
const CLAIM_MS = 60_000;
const PAUSES_MS: readonly number[] = [1_000, 5_000];
/** Progress is written this often at most: a crash repeats no more than that. */
const KEEP_EVERY_MS = 1_000;

/** Sends until `signal` aborts. Never rejects. */
export async function runWebhooks(deps: WebhookDeps, settings: WebhookSettings, signal: AbortSignal): Promise<void> {
  const holder = deps.random.hex(16);
  await Promise.all(settings.urls.map((url) => serve(deps, url, new Set(settings.kinds), holder, signal)));
}

async function serve(deps: WebhookDeps, url: string, kinds: ReadonlySet<string>, holder: string, signal: AbortSignal): Promise<void> {
  // The address may hold a secret of its receiver's; the database need not know it.
  const receiver = sha256Hex(url);
  while (!signal.aborted) {
    try {
      const place = await deps.database.takeDelivery(receiver, holder, CLAIM_MS);
      if (place !== undefined) await sendAll(deps, { url, receiver, holder, kinds }, place, signal);
    } catch (error) {
      deps.log.warn({ receiver: originOf(url), reason: reasonOf(error) }, "could not go on sending webhooks");
    }
    await deps.clock.sleep(KEEP_EVERY_MS, signal);
  }
  // Whoever comes next need not wait until the claim runs out.
  await deps.database.takeDelivery(receiver, holder, 0).catch(() => undefined);
}

interface Receiver {
  readonly url: string;
  readonly receiver: string;
  readonly holder: string;
  readonly kinds: ReadonlySet<string>;
}

/** Returns when another process sends to this receiver. */
async function sendAll(deps: WebhookDeps, to: Receiver, place: string, signal: AbortSignal): Promise<void> {
  const { database, clock } = deps;
  let kept = clock.monotonic();
  const keep = async (sent: string): Promise<boolean> => {
    kept = clock.monotonic();
    return (await database.takeDelivery(to.receiver, to.holder, CLAIM_MS)) !== undefined && (await database.keepDelivery(to.receiver, to.holder, sent));
  };
  for await (const { notices, missed, place: reached } of followNotices(deps, place, CLAIM_MS / 3, signal)) {
    if (missed) await tell(deps, to.url, { id: "", kind: "missed", body: missedMessage(clock.now()) }, signal);
    for (const notice of notices) {
      // Cut off in the middle of a notice it is told again.
      if (to.kinds.has(notice.kind) && !(await tell(deps, to.url, { ...notice, body: messageOf(notice) }, signal))) return;
      if (clock.monotonic() - kept >= KEEP_EVERY_MS && !(await keep(notice.id))) return;
    }
    if (!(await keep(reached))) return;
  }
}

/** Three tries with growing pauses. Answers false when it was cut off. */
async function tell({ sender, clock, log }: WebhookDeps, url: string, { id, kind, body }: Pick<Notice, "id"> & { readonly kind: string; readonly body: string }, signal: AbortSignal): Promise<boolean> {
  for (const pause of [...PAUSES_MS, undefined]) {
    try {
      if (signal.aborted) return false;
      await sender.send({ url, id, event: kind, body }, signal);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      const code = error instanceof AppError ? (error as AppError).code : "fault";
      const fields = { receiver: originOf(url), id, event: kind, code, reason: reasonOf(error) };
      if (pause === undefined) log.error(fields, "gave up a webhook after three tries");
      else log.warn({ ...fields, againInMs: pause }, "a webhook was not taken");
      if (pause !== undefined) await clock.sleep(pause, signal);
    }
  }
  return true;
}

/** An address without what may be secret in it. */
function originOf(url: string): string {
  return new URL(url).origin;
}
