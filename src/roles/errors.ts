import { AppError } from "../lib/app-error.ts";

/**
 * - `path-order`         the path would order differently among clients (UTF-16 against UTF-8)
 * - `no-role`            no delegation takes this path
 * - `role-too-large`     a role's file would outgrow what clients read
 * - `snapshot-too-large` the same for snapshot
 * - `bootstrap-refused`  the root or the settings of a bootstrap cannot become a repository
 * - `root-refused`       a root cannot follow the one in force
 * - `signature-refused`  a signature cannot be added to the document
 * - `delegations-refused` custom delegations that this repository cannot have
 * - `document-refused`   a document that was signed elsewhere cannot be published
 */
export class RoleError extends AppError<
  "path-order" | "no-role" | "role-too-large" | "snapshot-too-large" | "bootstrap-refused" | "delegations-refused" | "root-refused" | "signature-refused" | "document-refused"
> {}
