// The reads that wait, bounded in number, so that any number of readers cost a bounded amount of memory and time.
//
// Few are under way at one time; who asked longest ago is next, client by client, so that one who sends many delays
// another by one of them. Beyond the bound a read is refused at once. What nobody waits for any more is not done.

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

interface Waiting {
  readonly question: Question;
  readonly asker: Asker;
  readonly resolve: (reply: Reply | Promise<Reply>) => void;
  readonly reject: (error: Error) => void;
}

export function createReadQueue(answering: Answering, limits: ReadLimits): Reading {
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
      one.reject(new HttpRefusal(429, "reads-busy", "the client left before its turn"));
    }
    return undefined;
  };
  const goOn = (): void => {
    while (underWay < limits.atOnce) {
      const one = next();
      if (one === undefined) return;
      underWay += 1;
      const reply = answering(one.question).finally(() => {
        underWay -= 1;
        goOn();
      });
      one.resolve(reply);
    }
  };

  return {
    ask(question, asker) {
      if (underWay >= limits.atOnce && waiting >= limits.waiting) {
        return Promise.reject(new HttpRefusal(429, "reads-busy", "too many ask for lists at one time; try again soon", { retryAfterSeconds: 1 }));
      }
      return new Promise((resolve, reject) => {
        const line = lines.get(asker.name) ?? [];
        line.push({ question, asker, resolve, reject });
        lines.set(asker.name, line);
        waiting += 1;
        goOn();
      });
    },
  };
}
