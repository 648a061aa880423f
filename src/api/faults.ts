// Faults of a request as existing integrations read them: pydantic's words and shape
// (422 `{"detail":[{type,loc,msg,input,ctx}]}`).

import { LISTED_FAULTS, type Fault } from "../operations/errors.ts";

export type Loc = readonly (string | number)[];

/** One entry of `detail`. */
export interface Detail {
  readonly type: string;
  readonly loc: Loc;
  readonly msg: string;
  readonly input?: unknown;
  readonly ctx?: Readonly<Record<string, unknown>>;
  /** The broken rule's stable code, where it is one of ours. */
  readonly code?: string;
}

/** A request that does not have the form its schema asks for. */
export class SchemaRefusal extends Error {
  readonly details: readonly Detail[];
  /** Stable code of the refusal. */
  readonly code: string;

  constructor(details: readonly Detail[], code = "request-invalid") {
    super(`request refused: ${details[0]?.msg ?? ""}`);
    this.details = details;
    this.code = code;
  }
}

/** Collects details, keeping the first hundred. */
export class DetailList {
  readonly #details: Detail[] = [];

  add(detail: Detail): void {
    if (this.#details.length >= LISTED_FAULTS) return;
    this.#details.push("input" in detail ? { ...detail, input: shortInput(detail.input) } : detail);
  }

  get full(): boolean {
    return this.#details.length >= LISTED_FAULTS;
  }

  /** @throws SchemaRefusal unless it is empty */
  raise(): void {
    if (this.#details.length > 0) throw new SchemaRefusal(this.#details);
  }
}

/** A rule that a value of the body broke. */
export function detailOf(fault: Fault): Detail {
  return {
    type: "value_error",
    loc: ["body", ...fault.at],
    msg: `Value error, ${fault.rule}`,
    ...(fault.input === undefined ? {} : { input: shortInput(fault.input) }),
    ctx: { error: {} },
    code: fault.code,
  };
}

const SHOWN_CHARACTERS = 200;

/** The value itself when it is short, else the beginning of its JSON. Ends early on large values. */
export function shortInput(value: unknown): unknown {
  if (typeof value === "string") return value.length <= SHOWN_CHARACTERS ? value.toWellFormed() : value.slice(0, SHOWN_CHARACTERS).toWellFormed();
  if (typeof value !== "object" || value === null) return value;
  const text = beginningOf(value, SHOWN_CHARACTERS + 1);
  return text.length <= SHOWN_CHARACTERS ? value : text.slice(0, SHOWN_CHARACTERS).toWellFormed();
}

/** At least the first `length` characters of the value's JSON; not much more of it is visited. */
function beginningOf(value: unknown, length: number): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, length));
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const list = Array.isArray(value);
  let text = list ? "[" : "{";
  let first = true;
  for (const key in value) {
    if (!first) text += ",";
    first = false;
    if (!list) text += `${JSON.stringify(key.slice(0, length))}:`;
    text += beginningOf((value as Record<string, unknown>)[key], length - text.length);
    if (text.length >= length) return text;
  }
  return text + (list ? "]" : "}");
}
