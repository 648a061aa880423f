// Every configuration key there is: what it means, its unit, its default, and what a wrong
// choice does. The type of `Config`, the loader, and docs/operate/configuration.md follow
// from this table. Safe defaults; the unsafe side has a long, frank name.

import { address, choice, file, flag, folder, fraction, integer, list, secret, text, url, word, type Setting } from "./setting.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365 * DAY_MS;

const HOST = /^[A-Za-z0-9._:-]{1,253}$/;

export const SCHEMA = {
  server: {
    host: text({
      value: "127.0.0.1",
      form: "a host name or an IP address",
      pattern: HOST,
      flag: "--host",
      meaning: "The address the API listens on.",
      wrong: "An address others can reach is refused unless `api.tokensFile` is set, or the flag that says you want no authentication.",
    }),
    port: integer({ value: 8080, min: 0, max: 65_535, flag: "--port", meaning: "The port the API listens on; 0 takes any free one.", wrong: "A port that is taken ends the start with exit code 1." }),
  },
  dataDir: folder({
    value: "./rstuf-data",
    flag: "--data-dir",
    meaning: "Where the state lies: `rstuf.db`, and unless told otherwise `keys/` and `metadata/`.",
    wrong: "A folder another live process uses is refused. A network file system cannot hold the database.",
  }),
  keyDir: folder({
    value: "",
    shown: "`<dataDir>/keys`",
    flag: "--key-dir",
    meaning: "The folder in which a key named `fn:<file>` is looked up.",
    wrong: "Without the online key there nothing can be signed; `/readyz` says so.",
  }),
  log: {
    level: choice({
      value: "info",
      of: ["debug", "info", "warn", "error"],
      synonyms: { warning: "warn", critical: "error", fatal: "error" },
      meaning: "The least important events that are logged, on stderr.",
    }),
  },
  api: {
    tokensFile: file({
      meaning: "The file of tokens that every `/api/v1` request must carry one of. A line holds the sha256 of a token, in hex, and may name its holder.",
      wrong: "Without it the API asks nobody who they are, and therefore listens on loopback alone.",
    }),
    allowUnauthenticatedWritesFromTheNetwork: flag({
      flag: "--allow-unauthenticated-writes-from-the-network",
      meaning: "Listen on an address that others can reach without asking anybody for a token.",
      wrong: "Whoever reaches the port decides what your users download. Only behind something that authenticates.",
    }),
    disabledEndpoints: list({
      each: "endpoints, `/api/v1/artifacts/` for all under it or `POST /api/v1/artifacts/publish/` for one",
      pattern: /^(?:[A-Z]{3,7} )?\/[^\s?#]*$/,
      meaning: "Endpoints that answer 404 as if they did not exist.",
      wrong: "An entry that names no endpoint ends the start.",
    }),
    allowedHosts: list({
      each: "host names, with or without a port",
      pattern: /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/,
      meaning: "Values of the `Host` header that are ours, beside the address listened on and loopback names.",
      wrong: "A request that names another host is answered 421: set it when a proxy passes the public name on.",
    }),
    publicOrigins: list({
      each: "origins such as `https://rstuf.example.org`",
      pattern: /^https?:\/\/(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/,
      meaning: "Origins of web pages that may write, beside our own.",
      wrong: "A page of such an origin can change what is published, in the name of whoever looks at it.",
    }),
    maxBodyBytes: integer({ value: 64 * MIB, min: KIB, max: GIB, unit: "bytes", meaning: "The largest request body.", wrong: "Larger ones are answered 413. Memory grows with it, several times per request." }),
    maxArtifactsPerRequest: integer({ value: 100_000, min: 1, max: 1_000_000, unit: "artifacts", meaning: "The most artifacts one request adds or removes.", wrong: "More are answered 422." }),
    maxImportArtifacts: integer({ value: 20_000_000, min: 1, max: 1_000_000_000, unit: "artifacts", meaning: "The most artifacts one import adds.", wrong: "More are answered 422. Until it is published an import takes room on disk, about 500 bytes for each." }),
    maxJsonDepth: integer({ value: 64, min: 16, max: 256, unit: "levels", meaning: "How deep a body may be nested.", wrong: "Deeper ones are answered 4xx; below what signed metadata needs, nothing can be signed." }),
    maxCustomBytes: integer({ value: 16 * KIB, min: 0, max: MIB, unit: "bytes", meaning: "The largest `custom` of one artifact, as canonical JSON.", wrong: "Clients download the `custom` of all artifacts of a bin to find one." }),
    maxConnections: integer({ value: 1000, min: 1, max: 1_000_000, unit: "connections", meaning: "The most connections at a time; more are closed at once." }),
    maxWaiters: integer({ value: 1000, min: 0, max: 1_000_000, unit: "requests", meaning: "The most requests that wait for a task at a time; more are answered without waiting." }),
    maxReadsWaiting: integer({ value: 200, min: 0, max: 1_000_000, unit: "requests", meaning: "The most requests for lists (artifacts, roles, tasks and so on) that wait for their turn; beyond that the newest of whoever has most of them waiting is answered 429. They are answered one after another, client by client, apart from everything else." }),
    headersTimeoutMs: integer({ value: 10_000, min: 100, max: HOUR_MS, unit: "milliseconds", meaning: "How long a client may take to send a request's headers." }),
    requestTimeoutMs: integer({ value: 30_000, min: 100, max: HOUR_MS, unit: "milliseconds", meaning: "How long a client may take to send a whole request.", wrong: "Too short, and large requests over slow lines end in 408." }),
    rateLimitPerMinute: integer({ value: 0, min: 0, max: 1_000_000_000, unit: "requests", meaning: "The most writing requests a minute from one address; 0 is no limit. Over it they are answered 429.", wrong: "Behind a proxy all clients share one address." }),
  },
  metadata: {
    listen: address({ meaning: "A second address that serves `/metadata/` alone, for reading. Needs no token.", wrong: "Beside the API `/metadata/` is served in any case." }),
    directory: folder({
      value: "",
      shown: "`<dataDir>/metadata`",
      meaning: "The folder of published metadata: what a web server may serve to everybody.",
      wrong: "Keys and database must not lie under it; that is refused.",
    }),
    publicUrl: url({
      meaning: "Where clients read the metadata, the folder itself: `https://packages.example.org/metadata`. Asked once at start for a name that is not there.",
      wrong: "Without it nobody notices that a bucket or an edge answers 403 there, or keeps a 404: both leave clients with an old root.",
    }),
  },
  cdn: {
    purgeUrl: url({ meaning: "Asked after each publish, so that an edge drops `timestamp.json` at once. With `POST` the body is `{\"files\":[\"<metadata.publicUrl>/timestamp.json\"]}`. A publish does not wait for it; three tries of five seconds, then a line in the log.", wrong: "Over plain http it must be on this machine, for it carries a token." }),
    purgeMethod: choice({ value: "post", of: ["post", "purge"], meaning: "`post`: an interface of the edge. `purge`: the method PURGE, without a body, as Varnish and others have it; `cdn.purgeUrl` is then the timestamp's own address." }),
    purgeToken: secret({ meaning: "Sent with it as `Authorization: Bearer`." }),
    purgeTokenFile: file({ meaning: "A file whose first line is that token." }),
  },
  storage: {
    kind: choice({ value: "folder", of: ["folder", "s3", "gcs", "azure"], meaning: "Where published metadata lies: the folder `metadata.directory`, or a bucket of Amazon S3 or another store that speaks its protocol, of Google Cloud Storage, or a container of Azure Blob Storage." }),
    bucket: word({ form: "the name of a bucket", pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{1,221}$/, meaning: "The bucket, or Azure's container. It must exist. Nothing but this repository may write under the prefix.", wrong: "Its store must honour conditional writes; that is tried at start, on a name of its own, and refused otherwise." }),
    prefix: word({
      form: "folders with slashes between, such as `metadata` or `a/b`",
      pattern: /^[A-Za-z0-9!_.*'()-]+(?:\/[A-Za-z0-9!_.*'()-]+)*\/?$/,
      meaning: "What stands before each name in the bucket, with a slash between.",
      wrong: "A prefix where another repository was published is refused at bootstrap: caches keep its files for ever.",
    }),
    endpoint: url({ meaning: "The store's address, if it is not the cloud's own.", wrong: "Over http whoever is between reads what is written, and can answer in the store's place." }),
    region: word({ form: "the name of a region", pattern: /^[a-z0-9-]{1,64}$/, meaning: "S3: the bucket's region. Else from where the AWS SDK finds it; `us-east-1` when an endpoint is given." }),
    addressing: choice({ value: "auto", of: ["auto", "path", "host"], meaning: "S3: the bucket's name in the address's path or in its host name. `auto`: in the path when an endpoint is given." }),
    acl: choice({ value: "none", of: ["none", "private", "public-read", "bucket-owner-full-control"], meaning: "S3: an access list sent with each object. Most buckets refuse any; a bucket policy is the better way.", wrong: "A bucket whose owner enforces ownership answers 400 to any but `bucket-owner-full-control`." }),
    accessKeyId: word({ form: "an access key's id", pattern: /^[\x21-\x7e]{1,128}$/, meaning: "S3: the access key. Without it the AWS SDK's whole chain is asked: environment, profiles, SSO, web identity, container, instance." }),
    secretAccessKey: secret({ meaning: "S3: the secret of `storage.accessKeyId`." }),
    secretAccessKeyFile: file({ meaning: "A file whose first line is that secret." }),
    account: word({ form: "the name of a storage account", pattern: /^[a-z0-9]{3,24}$/, meaning: "Azure: the storage account." }),
    accountKey: secret({ meaning: "Azure: a key of that account. Without it `DefaultAzureCredential` is asked: environment, workload identity, managed identity, Azure CLI." }),
    accountKeyFile: file({ meaning: "A file whose first line is that key." }),
    concurrency: integer({ value: 32, min: 1, max: 256, unit: "requests", meaning: "Bucket: the most requests in flight at once.", wrong: "Too many, and the store answers that it is too much; a bootstrap with many bins takes longer with few." }),
    requestTimeoutMs: integer({ value: 10_000, min: 100, max: 60_000, unit: "milliseconds", meaning: "Bucket: how long one request may take. What comes to nothing is tried again for half a minute." }),
  },
  database: {
    url: word({
      form: "`postgresql://USER@HOST[:PORT][,HOST…]/DATABASE`, or `postgresql://USER@/DATABASE?host=FOLDER` for a socket; no password in it",
      pattern: /^postgres(?:ql)?:\/\/[^@/?#:]+@[^/?#@]*\/[^/?#]+(?:\?host=[^&#]+)?$/,
      meaning: "The PostgreSQL that holds the state, for several processes or machines. Without it the state is `rstuf.db` in the data directory. Of several hosts the one that is no standby is used.",
      wrong: "Two repositories cannot share one database. A server older than 14, or one that runs with fsync off, is refused.",
    }),
    password: secret({ meaning: "The password of the database's user." }),
    passwordFile: file({ meaning: "A file whose first line is that password." }),
    caFile: file({ meaning: "Certificates, PEM, of the authorities the database's certificate may be of; the system's when not given." }),
    allowUnencryptedConnections: flag({ meaning: "Speak to a database on another machine in clear text.", wrong: "Whoever is between reads the password, and can change what is published." }),
    maxConnections: integer({ value: 10, min: 2, max: 100, unit: "connections", meaning: "The most connections of one process to the database; a publisher and the listener for hints have their own beside them, and lists up to two." }),
  },
  worker: {
    listen: address({ meaning: "Where `rstuf worker` answers `/healthz`, `/readyz` and `/metrics`; nowhere unless set." }),
  },
  tls: {
    cert: file({ meaning: "The certificate chain, PEM. With `tls.key` the API speaks https." }),
    key: file({ meaning: "The private key of `tls.cert`, PEM." }),
  },
  publisher: {
    minIntervalMs: integer({ value: 0, min: 0, max: HOUR_MS, unit: "milliseconds", meaning: "The least time between two publishes; 0 publishes at once. Behind a CDN set it to what the edge keeps `timestamp.json`.", wrong: "Artifacts become visible that much later." }),
    maxBatchChanges: integer({ value: 20_000, min: 1, max: 1_000_000, unit: "changes", meaning: "The most changes published together.", wrong: "Memory of a publish grows with it; a small one makes imports slow." }),
    maxBatchBytes: integer({ value: 64 * MIB, min: 64 * KIB, max: 4 * GIB, unit: "bytes", meaning: "The most bytes of changes published together." }),
    tickMs: integer({ value: MINUTE_MS, min: 100, max: HOUR_MS, unit: "milliseconds", meaning: "How often the publisher looks for roles to refresh, for a storage that changed under it, and for files to delete.", wrong: "Too long, and roles are refreshed late by as much." }),
    leaseMs: integer({ value: 15_000, min: 3000, max: 10 * MINUTE_MS, unit: "milliseconds", meaning: "How long a publisher that died keeps others from taking over; renewed every third of it.", wrong: "Too short, and a pause of the machine costs the lease and a repeated batch." }),
    shareFromRoles: integer({ value: 256, min: 0, max: 1_000_000, unit: "roles", meaning: "Batches that touch at least so many roles are shared among the workers of one PostgreSQL; 0 shares none.", wrong: "Too small, and dividing costs more than it saves; too large, and workers stand by while one does everything." }),
    maxBacklogChanges: integer({ value: 2_000_000, min: 1, max: 100_000_000, unit: "changes", meaning: "The most changes that wait to be published, held ones included; over it requests are answered 429." }),
    maxBacklogBytes: integer({ value: GIB, min: MIB, max: 64 * GIB, unit: "bytes", meaning: "The most bytes of changes that wait to be published." }),
  },
  refresh: {
    atRemainingFraction: fraction({ value: 0.3333, min: 0.05, max: 0.9, meaning: "A role is signed again when this part of its lifetime is left.", wrong: "Too small leaves no time to repair a signer; too large signs all the time." }),
    marginMs: integer({ value: HOUR_MS, min: MINUTE_MS, max: 30 * DAY_MS, unit: "milliseconds", meaning: "A role is signed again no later than this before it expires.", wrong: "Longer than a role lives, and it is signed again on every tick." }),
    jitterFraction: fraction({ value: 0.1, min: 0, max: 0.5, meaning: "How far bins spread around that moment, so that thousands are not due at once." }),
  },
  rotation: {
    settleSeconds: integer({ value: 10, min: 0, max: 86_400, unit: "seconds", meaning: "How long old and new online keys sign together before a new root is shown, and again after it. The default is for metadata that no CDN caches; behind one set at least what an edge keeps `timestamp.json` and a 404, and as long as a client's update takes.", wrong: "Too short, and clients on their way through a change of keys are refused until they try again." }),
  },
  signing: {
    windowDays: integer({ value: 14, min: 1, max: 3650, unit: "days", meaning: "How long before it expires a role that people sign asks for their signatures: a third of its lifetime, or so many days if that is more, but never more than half of its lifetime. A role with a `signing_window` of its own asks by that.", wrong: "Too few, and the role expires while people are away; clients then find none of its artifacts." }),
    rootWindowDays: integer({ value: 30, min: 0, max: 3650, unit: "days", meaning: "How long before it expires root asks for signatures of its next version, which has the same keys and thresholds and lives anew; never more than half of its lifetime. 0: it never asks by itself.", wrong: "Too few, or 0 and nobody thinks of it, and root expires: then every client refuses the repository." }),
  },
  retention: {
    edgeStaleMs: integer({ value: DAY_MS, min: 0, max: YEAR_MS, unit: "milliseconds", meaning: "How long a cache between us and clients may show an old `timestamp.json`; files it reaches are kept so much longer.", wrong: "Too short, and slow clients find files missing." }),
    taskMs: integer({ value: 30 * DAY_MS, min: HOUR_MS, max: 10 * YEAR_MS, unit: "milliseconds", meaning: "How long a task that ended can be asked for, by its id and in lists.", wrong: "Shorter than `retention.eventMs`, and ends of tasks that events tell of are forgotten before the events." }),
    committedMs: integer({ value: 30 * DAY_MS, min: DAY_MS, max: 10 * YEAR_MS, unit: "milliseconds", meaning: "How long past its expiry a published head is remembered.", wrong: "A storage restored to an older one counts as foreign, and publishing halts." }),
    eventMs: integer({ value: 7 * DAY_MS, min: HOUR_MS, max: YEAR_MS, unit: "milliseconds", meaning: "How long an event can be asked for again: by a stream that resumes, by a webhook that was down.", wrong: "Too short, and who was away for longer is told that it missed some." }),
    maxEvents: integer({ value: 1_000_000, min: 1000, max: 100_000_000, unit: "events", meaning: "The most events that are kept; the oldest go first." }),
    idempotencyMs: integer({ value: DAY_MS, min: MINUTE_MS, max: YEAR_MS, unit: "milliseconds", meaning: "How long an `Idempotency-Key` is remembered." }),
  },
  webhooks: {
    urls: list({
      each: "addresses, `https://…`, or `http://` on this machine (`localhost`, `127.0.0.1`, `[::1]`)",
      pattern: /^(?:https:\/\/(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])|http:\/\/(?:localhost|127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?(?:[/?][^\s#@]*)?$/,
      shows: (url) => `${new URL(url).origin}/…`,
      meaning: "Who is told by POST what happens, the same as in `GET /api/v1/events`. Link-local addresses and those of metadata services are refused when the name is resolved. What follows the host is shown nowhere: it may be a secret of the receiver's.",
      wrong: "A receiver that does not answer is tried three times for each event and holds up nobody, but its events come late.",
    }),
    events: list({
      each: "events: `published`, `task-finished`, `signing-required`, `role-expiring`, `failed`, `resumed`",
      pattern: /^(?:published|task-finished|signing-required|role-expiring|failed|resumed)$/,
      meaning: "What receivers are told of; everything when empty.",
    }),
    secret: secret({ meaning: "What webhooks are signed with (HMAC-SHA-256), at least 16 characters. Needed with `webhooks.urls`." }),
    secretFile: file({ meaning: "A file whose first line is that secret." }),
  },
  signers: {
    allow: list({
      each: "key URIs such as `file:/run/keys/online.pem` or `env:RSTUF_KEY_ONLINE`",
      pattern: /^(?:file:\S+|env:RSTUF_KEY_[A-Z0-9_]+|(?:awskms|gcpkms|azurekms|hv|hsm):\S+)$/,
      meaning: "Keys outside `keyDir` that metadata may name. A URI in a document is a name, never a permission: it must stand here literally.",
      wrong: "A key that is not allowed cannot sign; the error names it.",
    }),
    password: secret({ meaning: "The password of encrypted private key files." }),
    passwordFile: file({ meaning: "A file whose first line is that password." }),
  },
  keys: {
    allowUnportable: flag({ meaning: "Accept public keys that not every TUF client can verify (P-384, P-521 and others).", wrong: "Clients that cannot verify them refuse the repository." }),
    sigstoreTrustedRoot: file({
      meaning: "Sigstore's `trusted_root.json`. With it people may sign roots and delegated roles with a Sigstore identity (keytype `sigstore-oidc`), verified under it, offline.",
      wrong: "No client reads such a root as it comes: python-tuf refuses it whole unless its program registers securesystemslib's `SigstoreKey`, go-tuf refuses a role that has one. An old file does not know the newest logs: their signatures are refused.",
    }),
  },
  snapshot: {
    hashes: choice({ value: "delegated", of: ["delegated", "all"], meaning: "Whose length and sha256 snapshot states: every role's but the bins', or the bins' too.", wrong: "`all` makes the snapshot of 16,384 bins 2.2 MB, which some clients do not read." }),
  },
  bins: {
    style: choice({ value: "succinct", of: ["succinct", "classic"], meaning: "How bins are delegated: in one line (TAP 15), or one by one for clients without TAP 15.", wrong: "Only counts at bootstrap. go-tuf up to 2.4.2 cannot read `classic`, tough not `succinct`." }),
  },
  trial: {
    bins: integer({ value: 256, min: 2, max: 16_384, unit: "bins", flag: "--bins", meaning: "The number of bins a trial repository makes for itself; rounded down to a power of two.", wrong: "Only counts on the first start." }),
  },
} as const;

type Values<S> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : Values<S[K]> };

/** The effective configuration: frozen, every path absolute. */
export type Config = Values<typeof SCHEMA>;

/** All keys, dotted, in the order of the table. */
export const SETTINGS: ReadonlyMap<string, Setting<unknown>> = new Map(flatten(SCHEMA, ""));

function* flatten(table: object, prefix: string): Generator<[string, Setting<unknown>]> {
  for (const [name, entry] of Object.entries(table) as [string, object][]) {
    if ("is" in entry && entry.is === "setting") yield [`${prefix}${name}`, entry as Setting<unknown>];
    else yield* flatten(entry, `${prefix}${name}.`);
  }
}
