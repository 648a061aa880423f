// The repositories that the configuration file names: where each is, and the root it is trusted by.
//
// A trusted root is kept as the Python CLI keeps it: base64 of the bytes of root.json. It is
// verified when it comes in: a root, signed by its own keys as it demands.

import type { ConfigFile } from "./config-file.ts";
import { CliError } from "./errors.ts";

export interface Repository {
  readonly name: string;
  readonly metadataUrl: string | undefined;
  readonly artifactsUrl: string | undefined;
  readonly hashPrefix: boolean;
  /** The bytes of a root. */
  readonly trustedRoot: Buffer | undefined;
  readonly downloadDir: string | undefined;
}

/** Names in the file, in its order. */
export function repositoryNames(config: ConfigFile): string[] {
  const all = config.get("REPOSITORIES");
  return typeof all === "object" && all !== null ? Object.keys(all) : [];
}

/** CURRENT_REPOSITORY, or DEFAULT_REPOSITORY, as older pages call it. */
export function currentName(config: ConfigFile): string | undefined {
  return config.text("CURRENT_REPOSITORY") ?? config.text("DEFAULT_REPOSITORY");
}

/** @throws CliError `repository-missing` */
export function repositoryOf(config: ConfigFile, name: string): Repository {
  const names = repositoryNames(config);
  if (!names.includes(name)) {
    throw new CliError("repository-missing", names.length === 0 ? "There are no configured repositories" : `Repository ${name} is missing in your configuration`, {
      ...(names.length === 0 ? {} : { why: `there are: ${names.join(", ")}` }),
      todo: `rstuf artifact repository add --name ${name} --root FILE --metadata-url URL --artifacts-url URL`,
    });
  }
  const text = (key: string): string | undefined => config.text("REPOSITORIES", name, key);
  const root = text("trusted_root");
  return {
    name,
    metadataUrl: text("metadata_url"),
    artifactsUrl: text("artifact_base_url") ?? text("artifacts_url"),
    hashPrefix: config.get("REPOSITORIES", name, "hash_prefix") === true,
    trustedRoot: root === undefined ? undefined : Buffer.from(root, "base64"),
    downloadDir: text("download_dir"),
  };
}
