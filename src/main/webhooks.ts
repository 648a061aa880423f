// Sending webhooks from this process.

import type { Config } from "../config/schema.ts";
import { systemClock, systemRandom } from "../drivers/clock/system/clock.ts";
import { createHttpWebhookSender } from "../drivers/webhook/http/sender.ts";
import { NOTICE_KINDS } from "../notices/message.ts";
import { runWebhooks } from "../notices/webhooks.ts";
import type { Database } from "../ports/database.ts";
import type { Logger } from "../ports/telemetry.ts";

/** Answers how to stop; what is under way then is cut off, and told again after the next start. */
export function startWebhooks({ webhooks }: Config, version: string, database: Database, log: Logger): () => Promise<void> {
  const { urls, events, secret } = webhooks;
  if (urls.length === 0 || secret === undefined) return () => Promise.resolve();
  const stopping = new AbortController();
  const sender = createHttpWebhookSender({ secret: secret.reveal(), version });
  const kinds = NOTICE_KINDS.filter((kind) => events.length === 0 || events.includes(kind));
  const ended = runWebhooks({ database, clock: systemClock, random: systemRandom, log, sender }, { urls: [...new Set(urls)], kinds }, stopping.signal);
  return async () => {
    stopping.abort();
    await ended;
  };
}
