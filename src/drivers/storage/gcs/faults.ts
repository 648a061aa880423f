// What an answer of Google Cloud Storage means.

import { BucketFault, kindOfStatus } from "../common/bucket.ts";

/** Longer answers say nothing more. */
const SHOWN = 200;

/** `text` is the answer's body: JSON of the API, or a sentence. */
export function faultOfAnswer(status: number, text: string): BucketFault {
  const said = messageOf(text);
  if (status === 404 && /bucket/i.test(said)) return new BucketFault("unable", `${said} (404); make the bucket, or correct storage.bucket`);
  // A put on condition that something be there.
  if (status === 404) return new BucketFault("condition", said);
  const remedy = status === 401 || status === 403 ? "; these credentials need the role Storage Object User on the bucket" : "";
  return new BucketFault(kindOfStatus(status), `${said} (${String(status)})${remedy}`);
}

export function faultOf(error: unknown): BucketFault {
  if (error instanceof BucketFault) return error;
  if (!(error instanceof Error)) return new BucketFault("unclear", String(error));
  if (error.name === "TimeoutError" || error.name === "AbortError") return new BucketFault("unclear", "no answer in time", error);
  return new BucketFault("unclear", error.cause instanceof Error ? error.cause.message : error.message, error);
}

export const isMissingBucket = (text: string): boolean => /bucket/i.test(messageOf(text));

function messageOf(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: string } };
    if (typeof error?.message === "string") return error.message.slice(0, SHOWN);
  } catch {
    // A sentence, then.
  }
  return text.slice(0, SHOWN).replace(/\s+/g, " ").trim() || "no reason given";
}
