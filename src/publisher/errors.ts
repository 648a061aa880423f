import { AppError } from "../lib/app-error.ts";

/**
 * Why publishing stopped. `halted` in the database, `/readyz` and the alarm pages carry the code.
 *
 * - `signature-invalid`  a signer answered, and its signature does not verify
 * - `expires-too-soon`   something in the batch would expire at once: settings or clock
 * - `clock`              local time, database time or the last press disagree
 * - `diverged`           storage holds a timestamp this database never committed
 * - `foreign`            storage holds a timestamp that is not of this repository
 * - `names-taken`        new names met other bytes 32 times in a row
 * - `unpressable`        a change that cannot be pressed; set aside, the rest goes on
 * - `storage-occupied`   bootstrap found a repository in storage
 */
export class PublisherError extends AppError<
  "signature-invalid" | "expires-too-soon" | "clock" | "diverged" | "foreign" | "names-taken" | "unpressable" | "storage-occupied"
> {}
