// Variable names of the Python implementation (API 1.0.1, worker 1.0.2), still read:
// one warning each, saying the new name or what to do instead.

import type { Environment } from "./environment.ts";

export interface Legacy {
  /** Values to take where no new name sets that key. */
  readonly values: ReadonlyMap<string, { readonly raw: string; readonly name: string }>;
  readonly warnings: readonly string[];
}

/** Old name -> key, and how its value is written for us. The first one that is set counts. */
const CARRIED: readonly { readonly name: string; readonly key: string; readonly translate?: (value: string) => string }[] = [
  { name: "RSTUF_ONLINE_KEY_DIR", key: "keyDir" },
  { name: "RSTUF_LOCAL_STORAGE_BACKEND_PATH", key: "metadata.directory" },
  { name: "RSTUF_LOCAL_STORAGE_PATH", key: "metadata.directory" },
  { name: "RSTUF_DISABLE_ENDPOINTS", key: "api.disabledEndpoints", translate: endpoints },
  { name: "RSTUF_DISABLED_ENDPOINTS", key: "api.disabledEndpoints", translate: endpoints },
  { name: "RSTUF_STORAGE_BACKEND", key: "storage.kind", translate: (value) => STORAGES[value.toLowerCase()] ?? value },
  { name: "RSTUF_AWS_STORAGE_BUCKET", key: "storage.bucket" },
  { name: "RSTUF_AWS_ACCESS_KEY_ID", key: "storage.accessKeyId" },
  { name: "RSTUF_AWS_SECRET_ACCESS_KEY", key: "storage.secretAccessKey" },
  { name: "RSTUF_AWS_DEFAULT_REGION", key: "storage.region" },
  { name: "RSTUF_AWS_ENDPOINT_URL", key: "storage.endpoint" },
  { name: "RSTUF_AWS_S3_OBJECT_ACL", key: "storage.acl" },
  { name: "SECRETS_RSTUF_SSL_CERT", key: "tls.cert" },
  { name: "SECRETS_RSTUF_SSL_KEY", key: "tls.key" },
];

/** Names of the Python implementation's storages, in small letters. */
const STORAGES: Readonly<Record<string, string>> = { localstorage: "folder", awss3: "s3" };

const NO_BROKER = "there is no broker and no Redis; queue, settings and locks are rows of the database. Unset it.";
const NO_SERVER = "the state is kept in <dataDir>/rstuf.db; the SQL server's content is not read. Unset it, and set dataDir.";
const REFRESH = "every tick looks at all roles; see publisher.tickMs and the keys under refresh. Unset it.";

const DROPPED: Readonly<Record<string, string>> = {
  RSTUF_BROKER_SERVER: NO_BROKER,
  RSTUF_REDIS_SERVER: NO_BROKER,
  RSTUF_REDIS_SERVER_PORT: NO_BROKER,
  RSTUF_REDIS_SERVER_DB_RESULT: NO_BROKER,
  RSTUF_REDIS_SERVER_DB_REPO_SETTINGS: NO_BROKER,
  RSTUF_DB_SERVER: NO_SERVER,
  RSTUF_DB_USER: NO_SERVER,
  RSTUF_DB_PASSWORD: NO_SERVER,
  RSTUF_DB_KEEPALIVE: NO_SERVER,
  RSTUF_DB_KEEPALIVE_IDLE: NO_SERVER,
  RSTUF_DB_KEEPALIVE_INTERVAL: NO_SERVER,
  RSTUF_DB_KEEPALIVE_COUNT: NO_SERVER,
  RSTUF_SQL_SERVER: NO_SERVER,
  RSTUF_SQL_USER: NO_SERVER,
  RSTUF_SQL_PASSWORD: NO_SERVER,
  RSTUF_GOOGLE_APPLICATION_CREDENTIALS: "keys in Google Cloud KMS are not built in; use a key file. Unset it.",
  RSTUF_LOCK_TIMEOUT: "see publisher.leaseMs. Unset it.",
  RSTUF_BUMP_ONLINE_ROLES_TTL: REFRESH,
  RSTUF_BUMP_ONLINE_ROLES_CHUNK_SIZE: REFRESH,
  RSTUF_WORKER_ID: "a process names itself at random. Unset it.",
};

/** Names the loader must not take for a mistyped key. */
export const LEGACY_NAMES: ReadonlySet<string> = new Set([...CARRIED.map(({ name }) => name), ...Object.keys(DROPPED)]);

export function readLegacy(environment: Environment, newName: (key: string) => string): Legacy {
  const values = new Map<string, { raw: string; name: string }>();
  const warnings: string[] = [];
  for (const { name, key, translate } of CARRIED) {
    const raw = environment[name];
    if (raw === undefined || raw === "") continue;
    warnings.push(`${name} is an old name: set ${newName(key)} (${key}) instead.`);
    if (!values.has(key)) values.set(key, { raw: translate === undefined ? raw : translate(raw), name });
  }
  for (const [name, advice] of Object.entries(DROPPED)) {
    if ((environment[name] ?? "") !== "") warnings.push(`${name} is no longer used: ${advice}`);
  }
  return { values, warnings };
}

/** `/api/v1/bootstrap/:{'POST'}/api/v1/artifacts/publish/` -> `/api/v1/bootstrap/,POST /api/v1/artifacts/publish/`. */
function endpoints(value: string): string {
  return value
    .split(":")
    .flatMap((entry) => {
      const single = /^\{([^}]*)\}(.*)$/.exec(entry);
      if (single === null) return [entry];
      const methods = (single[1] ?? "").split(",").map((method) => method.replace(/[\s'"]/g, ""));
      return methods.map((method) => `${method} ${single[2] ?? ""}`);
    })
    .join(",");
}
