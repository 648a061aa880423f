/** What the command line of `rstuf serve` may say. */
export interface ServeOptions {
  readonly trial?: boolean;
  readonly json?: boolean;
  readonly config?: string;
  readonly dataDir?: string;
  readonly listen?: string;
  readonly host?: string;
  readonly port?: string;
  readonly keyDir?: string;
  readonly bins?: string;
  readonly allowUnauthenticatedWritesFromTheNetwork?: boolean;
}
