// Hints: notifications of the server, and a poll behind them.
//
// A notification can be lost with the session that listens, so once a second, while somebody
// listens, the numbers that every hint moves are compared with what they were. A hint may come twice.

import pg from "pg";

import type { Topic } from "../../../ports/database.ts";
import { clientOptions } from "./address.ts";
import type { ServerAddress } from "./address.ts";
import { prepareSession } from "./sessions.ts";
import type { Sessions } from "./sessions.ts";

const POLL_MS = 1_000;
const RECONNECT_MS = { first: 50, longest: 2_000 } as const;

export class Listener {
  readonly #sessions: Sessions;
  readonly #server: ServerAddress;
  readonly #listeners = new Set<{ readonly topic: Topic; readonly call: () => void }>();
  #client: pg.Client | undefined;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  #pause: number = RECONNECT_MS.first;
  #attempts = 0;
  #seen: string | undefined;

  constructor(sessions: Sessions, server: ServerAddress) {
    this.#sessions = sessions;
    this.#server = server;
  }

  /** Resolves when it listens, or when the first attempt failed; later ones follow by themselves. */
  async start(): Promise<void> {
    await this.#connect();
  }

  subscribe(topic: Topic, call: () => void): () => void {
    const listener = { topic, call };
    this.#listeners.add(listener);
    this.#timer ??= setTimeout(() => void this.#poll(), POLL_MS).unref();
    return () => { this.#listeners.delete(listener); };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#listeners.clear();
    await this.#client?.end().catch(() => undefined);
  }

  async #connect(): Promise<void> {
    if (this.#closed) return;
    const client = new pg.Client({ ...clientOptions(this.#server, this.#attempts++), connectionTimeoutMillis: 5_000, query_timeout: 10_000, keepAlive: true, keepAliveInitialDelayMillis: 10_000 });
    let over = false;
    const again = (): void => {
      if (over) return;
      over = true;
      if (this.#client === client) this.#client = undefined;
      client.end().catch(() => undefined);
      if (this.#closed) return;
      setTimeout(() => void this.#connect(), this.#pause).unref();
      this.#pause = Math.min(this.#pause * 2, RECONNECT_MS.longest);
    };
    client.on("error", again);
    client.on("end", again);
    client.on("notification", ({ payload }) => { if (payload === "work" || payload === "visible" || payload === "shares") this.#tell(payload); });
    try {
      await client.connect();
      await prepareSession(client);
      await client.query("LISTEN rstuf");
    } catch {
      again();
      return;
    }
    this.#client = client;
    this.#pause = RECONNECT_MS.first;
    if (this.#isClosed()) {
      await client.end().catch(() => undefined);
      return;
    }
    // What was told while nobody listened.
    for (const topic of ["work", "visible", "shares"] as const) this.#tell(topic);
  }

  /** It may have been closed while it connected. */
  #isClosed(): boolean {
    return this.#closed;
  }

  #tell(topic: Topic): void {
    for (const listener of [...this.#listeners]) if (listener.topic === topic && this.#listeners.has(listener)) listener.call();
  }

  async #poll(): Promise<void> {
    try {
      const row = await this.#sessions.read((sql) => sql.row(
        "SELECT concat_ws(' ', p.seq, p.visible, p.nudges, (SELECT max(no) FROM task), b.changes) AS now FROM publisher p, backlog b",
      ));
      const now = String(row?.["now"]);
      const moved = this.#seen !== undefined && this.#seen !== now;
      this.#seen = now;
      if (moved) {
        this.#tell("work");
        this.#tell("visible");
      }
    } catch {
      // The next poll asks again.
    }
    this.#timer = this.#closed || this.#listeners.size === 0 ? undefined : setTimeout(() => void this.#poll(), POLL_MS).unref();
  }
}
