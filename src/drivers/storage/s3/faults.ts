// What an error of the S3 client means.

import { BucketFault, kindOfStatus, type FaultKind } from "../common/bucket.ts";

/** Codes that say more than their status. Names as S3 and its clones spell them. */
const KINDS: Readonly<Record<string, FaultKind>> = {
  PreconditionFailed: "condition",
  ConditionalRequestConflict: "unclear",
  OperationAborted: "unclear",
  RequestTimeout: "unclear",
  RequestTimeTooSkewed: "denied",
  NoSuchBucket: "unable",
  NotImplemented: "unsupported",
  PermanentRedirect: "unable",
  AuthorizationHeaderMalformed: "denied",
  CredentialsProviderError: "denied",
  InvalidAccessKeyId: "denied",
  SignatureDoesNotMatch: "denied",
};

const REMEDIES: Readonly<Record<string, string>> = {
  NoSuchBucket: "make the bucket, or correct storage.bucket",
  PermanentRedirect: "the bucket is in another region: set storage.region",
  AuthorizationHeaderMalformed: "set storage.region to the bucket's",
  CredentialsProviderError: "give credentials: storage.accessKeyId with storage.secretAccessKeyFile, or any source the AWS SDK knows",
  RequestTimeTooSkewed: "set this machine's clock",
  NotImplemented: "this store does not know conditional writes, or what else was asked",
  AccessDenied: "these credentials need s3:GetObject, s3:PutObject and s3:DeleteObject on the objects, and s3:ListBucket on the bucket",
};

interface SdkError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly Code?: string;
}

export function isMissingObject(error: unknown): boolean {
  return error instanceof Error && statusOf(error) === 404 && codeOf(error) !== "NoSuchBucket";
}

/** For a put: a name that is not there fails the condition to hold something. */
export function faultOf(error: unknown): BucketFault {
  if (!(error instanceof Error)) return new BucketFault("unclear", String(error));
  const code = codeOf(error);
  const status = statusOf(error);
  const kind = KINDS[code] ?? (code === "NoSuchKey" ? "condition" : kindOfStatus(status));
  const remedy = REMEDIES[code] ?? (status === 403 ? REMEDIES["AccessDenied"] : undefined);
  const said = error.name === "TimeoutError" || error.name === "AbortError" ? "no answer in time" : error.message === code || error.message === "" ? code : `${code}: ${error.message}`;
  return new BucketFault(kind, `${said}${status === undefined ? "" : ` (${String(status)})`}${remedy === undefined ? "" : `; ${remedy}`}`, error);
}

const codeOf = (error: Error): string => (error as SdkError).Code ?? error.name;
const statusOf = (error: Error): number | undefined => (error as SdkError).$metadata?.httpStatusCode;
