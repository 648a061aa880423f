import { AppError } from "../lib/app-error.ts";

/**
 * Why a document, a key, a path or an update was refused. Codes are API.
 *
 * - `json-*`            not the JSON we read (syntax, depth, duplicate member, number, encoding, size)
 * - `document-*`        well-formed, but not a TUF document of that type
 * - `key-unsupported`   a key type or scheme we do not verify
 * - `threshold`         too few valid signatures by distinct keys
 * - `*-rollback`, `*-version`, `*-expired`, `*-length`, `*-hash`: the client workflow's refusals
 */
export type TufErrorCode =
  | "json-syntax" | "json-depth" | "json-duplicate" | "json-number" | "json-encoding" | "json-member" | "json-size"
  | "canonical-number" | "canonical-value"
  | "document-type" | "document-field" | "document-spec-version" | "document-expires"
  | "key-unsupported" | "key-malformed"
  | "target-path" | "target-hash" | "target-length" | "target-custom"
  | "role-name" | "path-pattern" | "bins"
  | "threshold" | "unknown-role"
  | "root-version" | "root-expired"
  | "timestamp-rollback" | "timestamp-expired" | "timestamp-equal"
  | "snapshot-rollback" | "snapshot-expired" | "snapshot-version" | "snapshot-length" | "snapshot-hash" | "snapshot-role-vanished"
  | "targets-version" | "targets-expired" | "targets-length" | "targets-hash" | "targets-not-in-snapshot"
  | "trusted-set-order";

export class TufError extends AppError<TufErrorCode> {
  /** Where in the document: member names and list indexes from the top; absent when the whole is meant. */
  readonly at: readonly (string | number)[] | undefined;

  constructor(code: TufErrorCode, message: string, options?: { cause?: unknown; at?: readonly (string | number)[] }) {
    super(code, message, options);
    this.at = options?.at;
  }
}
