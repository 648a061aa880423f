// Numbers that whoever leads shows: when what is published expires, and how much waits.

import { parseExpires } from "../tuf/parse.ts";
import type { PublisherDeps } from "./deps.ts";
import type { Head } from "./head.ts";

export async function showExpiry({ database, clock, telemetry }: PublisherDeps, head: Head): Promise<void> {
  const tell = telemetry.metrics.expirySeconds.bind(telemetry.metrics);
  tell("root", (parseExpires(head.root.expires) - clock.now()) / 1000);
  for (const [kind, expiresMs] of await database.firstExpiry()) tell(kind, (expiresMs - clock.now()) / 1000);
}

export async function showBacklog({ database, telemetry }: PublisherDeps): Promise<void> {
  const { changes, bytes } = await database.backlog();
  telemetry.metrics.backlog(changes, bytes);
}
