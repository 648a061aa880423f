// The reads that wait, bounded in number, so that any number of readers cost a bounded amount of memory and time.
//
// Few are under way at one time; who asked longest ago is next, client by client, so that one who sends many delays
// another by one of them. Beyond the bound a read is refused at once: of the client who has most of them waiting the
// newest, so that nobody fills the line for others. What nobody waits for any more is not done.

import type { Clock } from "../ports/clock.ts";
import type { Metrics } from "../ports/telemetry.ts";
import type { Problem } from "./problems.ts";
import { HttpRefusal } from "./refusal.ts";

/** What a route of lists is asked, checked already. Plain values, as the reply: both may cross to another thread. */
export interface Question {
  /** The route's, as declared. */
  readonly path: string;
  readonly query: unknown;
  readonly params: unknown;
}

export type Reply =
  | { readonly status: number; readonly json: string }
  /** `reason`, `stack`: for the log alone. */
  | { readonly problem: Problem; readonly reason: string; readonly stack: string | undefined };

/** Answers every question, its refusals among the replies. Rejects only when it can answer nothing. */
export type Answering = (question: Question) => Promise<Reply>;

export interface Reading {
  /** @throws HttpRefusal 429 `reads-busy` */
  ask(question: Question, asker: Asker): Promise<Reply>;
}

export interface Asker {
  /** Who stands in line; whoever else has the same name stands behind. */
  readonly name: string;
  /** Nobody would hear the answer. */
  isGone(): boolean;
}

export interface ReadLimits {
  /** Under way at one time. */
  readonly atOnce: number;
  /** Waiting behind those. */
  readonly waiting: number;
}

/** What is told of it. */
export interface ReadQueueDeps {
  readonly clock: Pick<Clock, "monotonic">;
  readonly metrics: Pick<Metrics, "reads" | "readWaited" | "readRefused">;
}

interface Waiting {
  readonly question: Question;
  readonly asker: Asker;
  readonly since: number;
  readonly resolve: (reply: Reply | Promise<Reply>) => void;
  readonly reject: (error: Error) => void;
}

export function createReadQueue(answering: Answering, limits: ReadLimits, { clock, metrics }: ReadQueueDeps): Reading {
  /** By asker; a Map keeps the order, and who was served goes to its end. */
  const lines = new Map<string, Waiting[]>();
  let waiting = 0;
  let underWay = 0;

  const next = (): Waiting | undefined => {
    for (const [name, line] of lines) {
      const one = line.shift();
      lines.delete(name);
      if (line.length > 0) lines.set(name, line);
      if (one === undefined) continue;
      waiting -= 1;
      if (!one.asker.isGone()) return one;
      metrics.readRefused("left");
      one.reject(new HttpRefusal(429, "reads-busy", "the client left before its turn"));
    }
    return undefined;
  };
  const goOn = (): void => {
    while (underWay < limits.atOnce) {
      const one = next();
      if (one === undefined) break;
      underWay += 1;
      metrics.readWaited((clock.monotonic() - one.since) / 1000);
      const reply = answering(one.question).finally(() => {
        underWay -= 1;
        goOn();
      });
      one.resolve(reply);
    }
    metrics.reads(waiting, underWay);
  };
  /** The place of the newest of who has most of them waiting; false when that would be `name` with one more. */
  const makeRoom = (name: string): boolean => {
    let longest: Waiting[] = [];
    for (const line of lines.values()) if (line.length > longest.length) longest = line;
    if (longest.length <= (lines.get(name)?.length ?? 0) + 1) return false;
    longest.pop()?.reject(busy());
    waiting -= 1;
    return true;
  };

  return {
    ask(question, asker) {
      if (underWay >= limits.atOnce && waiting >= limits.waiting) {
        metrics.readRefused("busy");
        if (!makeRoom(asker.name)) return Promise.reject(busy());
      }
      return new Promise((resolve, reject) => {
        const line = lines.get(asker.name) ?? [];
        line.push({ question, asker, since: clock.monotonic(), resolve, reject });
        lines.set(asker.name, line);
        waiting += 1;
        goOn();
      });
    },
  };
}

const busy = (): HttpRefusal => new HttpRefusal(429, "reads-busy", "too many ask for lists at one time; try again soon", { retryAfterSeconds: 1 });
