import { AppError } from "../lib/app-error.ts";

/** A refusal that HTTP itself knows: too large, wrong type, not allowed. */
export class HttpRefusal extends AppError {
  readonly status: number;
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, code: string, message: string, options: { readonly retryAfterSeconds?: number } = {}) {
    super(code, message);
    this.status = status;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}
