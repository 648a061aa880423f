import { AppError } from "../lib/app-error.ts";

/**
 * A request to the service did not come to a good end. The message says what happened,
 * `why` for what reason, `todo` what whoever asked may do.
 *
 * - `server-invalid`     the address of the service is none
 * - `unreachable`        no answer came: refused, reset, unknown host, no TLS
 * - `too-slow`           no answer within the time allowed
 * - `redirected`         the server sends us elsewhere; that is never followed
 * - `unauthorized`       the service wants a token, or another one (401, 403)
 * - `refused`            the service understood and declined (other 4xx); `serverCode` says which rule
 * - `unavailable`        the service cannot now (429, 5xx), also after trying again
 * - `answer-unexpected`  an answer that the API does not give: another program listens there
 * - `task-failed`        the task ended without success
 * - `task-unfinished`    the task goes on, and the time to wait for it is over
 * - `interrupted`        the caller gave up
 */
export class RestError extends AppError<
  | "server-invalid"
  | "unreachable"
  | "too-slow"
  | "redirected"
  | "unauthorized"
  | "refused"
  | "unavailable"
  | "answer-unexpected"
  | "task-failed"
  | "task-unfinished"
  | "interrupted"
> {
  readonly why: string | undefined;
  readonly todo: string | undefined;
  /** HTTP status, when an answer came. */
  readonly status: number | undefined;
  /** The stable code the service gave for its refusal. */
  readonly serverCode: string | undefined;
  /** Every fault the service found in the request. */
  readonly faults: readonly Fault[];
  readonly taskId: string | undefined;

  constructor(code: RestError["code"], message: string, told: Told = {}) {
    super(code, message, told.cause === undefined ? undefined : { cause: told.cause });
    this.why = told.why;
    this.todo = told.todo;
    this.status = told.status;
    this.serverCode = told.serverCode;
    this.faults = told.faults ?? [];
    this.taskId = told.taskId;
  }
}

/** One rule that a request broke: where, and what is wrong there. */
export interface Fault {
  /** `artifacts.0.info.length`; empty for the request as a whole. */
  readonly at: string;
  readonly message: string;
}

interface Told {
  readonly why?: string | undefined;
  readonly todo?: string | undefined;
  readonly status?: number;
  readonly serverCode?: string | undefined;
  readonly faults?: readonly Fault[];
  readonly taskId?: string;
  readonly cause?: unknown;
}
