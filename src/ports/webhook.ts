// Telling another program something, over HTTP, where the operator said.

import { AppError } from "../lib/app-error.ts";

export interface WebhookCall {
  /** From configuration; https, or http to this machine. */
  readonly url: string;
  readonly id: string;
  readonly event: string;
  readonly body: string;
}

export interface WebhookSender {
  /**
   * One try: resolves when the receiver answered 2xx, within five seconds. The body is signed together with
   * the time of the try. No redirect is followed. The name is resolved once, the addresses are checked, and
   * the connection goes to one of those that were checked.
   * @throws WebhookError
   */
  send(call: WebhookCall, signal: AbortSignal): Promise<void>;
}

/**
 * - `address-refused` the name leads to an address nobody may be sent to
 * - `refused`         the receiver answered, and not with 2xx
 * - `unavailable`     it could not be reached, or did not answer in time
 */
export class WebhookError extends AppError<"address-refused" | "refused" | "unavailable"> {}
