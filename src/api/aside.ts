// An import that is read stands aside while somebody else is served: reading it keeps this thread busy.
//
// By the machine's time, not by the clock that the service tells: nothing but the pace depends on it.

import type { FastifyRequest } from "fastify";
import { StepAside } from "../lib/step-aside.ts";
import type { Clock } from "../ports/clock.ts";
import { isWrite } from "./gate.ts";

export const IMPORT_PATH = "/api/v1/artifacts/import";

/** Whoever adds an artifact sees it after some 40 ms. */
const TERMS = { quietMs: 50, mostMs: 150 } as const;

type Time = Pick<Clock, "monotonic" | "sleep">;
const MACHINE: Time = { monotonic: () => performance.now(), sleep: (ms) => new Promise((resolve) => { setTimeout(resolve, ms); }) };

export class Aside {
  readonly #clock: Time;
  readonly #aside = new StepAside(TERMS);

  constructor(clock = MACHINE) {
    this.#clock = clock;
  }

  /** A write begins it, but for imports; whatever comes after is taken for a step of it. */
  arrives(request: FastifyRequest): void {
    const now = this.#clock.monotonic();
    if (!isWrite(request)) this.#aside.goesOn(now);
    else if (request.routeOptions.url !== IMPORT_PATH) this.#aside.begins(now);
  }

  /** `steps`, the work on each once nobody is served. */
  async *before<T>(steps: AsyncIterable<T>): AsyncGenerator<T> {
    for await (const step of steps) {
      for (let ms = this.#left(); ms > 0; ms = this.#left()) await this.#clock.sleep(Math.ceil(ms));
      yield step;
    }
  }

  #left(): number {
    return this.#aside.leftMs(this.#clock.monotonic());
  }
}
