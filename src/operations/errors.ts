import { AppError } from "../lib/app-error.ts";

/** How far a bootstrap is. `None` is the contract's word for absent; it stands in its messages. */
export type BootstrapStateName = "None" | "pre" | "signing" | "finished" | "unknown";

/**
 * Why a well-formed request was refused. Codes are API.
 *
 * - `request-invalid`     values in it break a rule; `InvalidRequest` lists them
 * - `bootstrap-required`  the repository is not bootstrapped (yet)
 * - `bootstrap-locked`    it is, or somebody is at it
 * - `targets-offline`     targets is signed offline and cannot be refreshed here
 * - `role-not-refreshable` the repository has no such online role beside its bins
 * - `no-bins`             bins were asked for in a repository with custom delegations
 * - `no-such-online-role` no role of that name, or one that people sign
 * - `import-gap`          lines are missing before those that came
 * - `import-elsewhere`    another request goes on with the same import
 * - `no-such-import`      no import has that key, or it is forgotten
 * - `not-signing`         the role named by the message waits for no signatures
 * - `no-such-signing-event` no document of that id waits for signatures, or not any more
 * - `no-such-outside-role` the repository has no role of that name whose team signs it elsewhere
 * - `no-such-role`        the repository has no role of the name that is the message
 */
export type OperationErrorCode = "no-such-role" | "no-such-signing-event" | "no-such-outside-role" | "import-gap" | "import-elsewhere" | "no-such-import" | "not-signing" | "request-invalid" | "bootstrap-required" | "bootstrap-locked" | "targets-offline" | "role-not-refreshable" | "no-bins" | "no-such-online-role";

export class OperationError extends AppError<OperationErrorCode> {
  /** Of `bootstrap-required` and `bootstrap-locked`. */
  readonly state: BootstrapStateName | undefined;

  constructor(code: OperationErrorCode, message: string, options?: { cause?: unknown; state?: BootstrapStateName }) {
    super(code, message, options);
    this.state = options?.state;
  }
}

/** One value that broke one rule. */
export interface Fault {
  /** Where: member names and list indexes from the top of the request. */
  readonly at: readonly (string | number)[];
  /** The rule, in words. */
  readonly rule: string;
  /** The rule's stable code. */
  readonly code: string;
  /** The value, as far as it may be repeated to the caller. */
  readonly input?: unknown;
}

/** How many faults a refusal lists; the rest are counted. */
export const LISTED_FAULTS = 100;

/** Nothing of the request was applied. */
export class InvalidRequest extends OperationError {
  readonly faults: readonly Fault[];

  /** `faults` holds at least one. */
  constructor(faults: readonly Fault[], count = faults.length) {
    super("request-invalid", `${count} value(s) in the request break a rule, first: ${faults[0]?.rule ?? ""}`);
    this.faults = faults;
  }
}

/** Collects faults, keeps the first hundred, and throws them together. */
export class FaultList {
  readonly #faults: Fault[] = [];
  #count = 0;

  add(fault: Fault): void {
    this.#count += 1;
    if (this.#faults.length < LISTED_FAULTS) this.#faults.push(fault);
  }

  get count(): number {
    return this.#count;
  }

  get empty(): boolean {
    return this.#count === 0;
  }

  /** @throws InvalidRequest unless it is empty */
  raise(): void {
    if (!this.empty) throw new InvalidRequest(this.#faults, this.#count);
  }
}
