// What no single key shows: values that are right alone and wrong together.

import { sep } from "node:path";
import type { Config } from "./schema.ts";

export interface Contradiction {
  readonly keys: readonly string[];
  readonly message: string;
}

/** True for addresses that only this machine reaches. A name other than localhost may resolve to anything. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.[0-9]{1,3}){3}$/.test(host);
}

/** What only one kind of bucket reads. */
const OF_ONE_KIND: Readonly<Record<string, Config["storage"]["kind"]>> = {
  "storage.region": "s3",
  "storage.addressing": "s3",
  "storage.acl": "s3",
  "storage.accessKeyId": "s3",
  "storage.secretAccessKey": "s3",
  "storage.secretAccessKeyFile": "s3",
  "storage.account": "azure",
  "storage.accountKey": "azure",
  "storage.accountKeyFile": "azure",
};

/** @param given the keys that were set, as opposed to left at their default. */
export function contradictions(config: Config, given: ReadonlySet<string>, purpose: "api" | "no-api" = "api"): readonly Contradiction[] {
  const { server, api, tls, metadata, publisher, storage, cdn } = config;
  const bucket = storage.kind !== "folder";
  const givenOfStorage = [...given].filter((key) => key.startsWith("storage.") && key !== "storage.kind");
  const others = givenOfStorage.filter((key) => (OF_ONE_KIND[key] ?? storage.kind) !== storage.kind);
  const rules: readonly (Contradiction & { readonly holds: boolean })[] = [
    {
      keys: ["server.host", "api.tokensFile"],
      holds: purpose === "no-api" || isLoopback(server.host) || api.tokensFile !== undefined || api.allowUnauthenticatedWritesFromTheNetwork,
      message: `${server.host} can be reached from outside: set api.tokensFile, or say --allow-unauthenticated-writes-from-the-network`,
    },
    {
      keys: ["api.tokensFile", "api.allowUnauthenticatedWritesFromTheNetwork"],
      holds: !(api.tokensFile !== undefined && api.allowUnauthenticatedWritesFromTheNetwork),
      message: "one asks for tokens and the other says none are needed; choose one",
    },
    { keys: ["tls.cert", "tls.key"], holds: (tls.cert === undefined) === (tls.key === undefined), message: "a certificate and its key go together; one is missing" },
    {
      keys: ["metadata.listen", "server.port"],
      holds: metadata.listen === undefined || metadata.listen.port === 0 || metadata.listen.port !== server.port || metadata.listen.host !== server.host,
      message: "the API and the metadata cannot listen on the same address; leave metadata.listen out to serve both there",
    },
    { keys: ["keyDir", "metadata.directory"], holds: !isInside(config.keyDir, metadata.directory), message: "private keys must not lie in the folder that everybody may read" },
    { keys: ["dataDir", "metadata.directory"], holds: !isInside(config.dataDir, metadata.directory), message: "the database must not lie in the folder that everybody may read" },
    { keys: ["cdn.purgeUrl", "metadata.publicUrl"], holds: cdn.purgeUrl === undefined || cdn.purgeMethod === "purge" || metadata.publicUrl !== undefined, message: "the edge is told the timestamp's public address: set metadata.publicUrl" },
    { keys: ["cdn.purgeUrl"], holds: cdn.purgeUrl === undefined || cdn.purgeUrl.startsWith("https:") || isLoopback(new URL(cdn.purgeUrl).hostname.replace(/^\[|\]$/g, "")), message: "a token goes there: https, or an address on this machine" },
    { keys: ["cdn.purgeToken", "cdn.purgeTokenFile"], holds: !(given.has("cdn.purgeToken") && given.has("cdn.purgeTokenFile")), message: "the token is given twice; choose one" },
    { keys: ["storage.kind", "storage.bucket"], holds: !bucket || storage.bucket !== undefined, message: "a bucket has a name: set storage.bucket" },
    { keys: ["storage.kind", ...givenOfStorage], holds: bucket || givenOfStorage.length === 0, message: "these are for buckets, and storage.kind is folder: set storage.kind, or leave them out" },
    { keys: ["storage.kind", ...others], holds: !bucket || others.length === 0, message: `these are for another kind of storage than ${storage.kind}; leave them out` },
    { keys: ["storage.kind", "storage.account"], holds: storage.kind !== "azure" || storage.account !== undefined, message: "Azure's containers lie in an account: set storage.account" },
    { keys: ["storage.accountKey", "storage.accountKeyFile"], holds: !(given.has("storage.accountKey") && given.has("storage.accountKeyFile")), message: "the key is given twice; choose one" },
    { keys: ["storage.kind", "metadata.directory"], holds: !bucket || !given.has("metadata.directory"), message: "metadata goes to the bucket or to the folder, not to both; leave one out" },
    { keys: ["storage.accessKeyId", "storage.secretAccessKey"], holds: (storage.accessKeyId === undefined) === (storage.secretAccessKey === undefined), message: "an access key's id and its secret go together; one is missing" },
    { keys: ["storage.secretAccessKey", "storage.secretAccessKeyFile"], holds: !(given.has("storage.secretAccessKey") && given.has("storage.secretAccessKeyFile")), message: "the secret is given twice; choose one" },
    { keys: ["api.headersTimeoutMs", "api.requestTimeoutMs"], holds: api.headersTimeoutMs <= api.requestTimeoutMs, message: "the headers are part of the request; their time cannot be longer" },
    { keys: ["api.maxArtifactsPerRequest", "publisher.maxBacklogChanges"], holds: api.maxArtifactsPerRequest <= publisher.maxBacklogChanges, message: "a request of the largest size would never fit the backlog" },
    { keys: ["api.maxBodyBytes", "publisher.maxBacklogBytes"], holds: api.maxBodyBytes <= publisher.maxBacklogBytes, message: "a request of the largest size would never fit the backlog" },
    { keys: ["webhooks.urls", "webhooks.secret"], holds: config.webhooks.urls.length === 0 || config.webhooks.secret !== undefined, message: "webhooks are signed, so that receivers can tell them from others: set webhooks.secretFile, or webhooks.secret" },
    { keys: ["webhooks.secret"], holds: config.webhooks.secret === undefined || config.webhooks.secret.reveal().length >= 16, message: "a secret of less than 16 characters can be guessed" },
    { keys: ["webhooks.secret", "webhooks.secretFile"], holds: !(given.has("webhooks.secret") && given.has("webhooks.secretFile")), message: "the secret is given twice; choose one" },
    { keys: ["retention.eventMs", "retention.taskMs"], holds: config.retention.eventMs <= config.retention.taskMs, message: "an event would tell of a task that is forgotten; events cannot be kept longer than tasks" },
    { keys: ["database.password", "database.passwordFile"], holds: !(given.has("database.password") && given.has("database.passwordFile")), message: "the password is given twice; choose one" },
    { keys: ["signers.password", "signers.passwordFile"], holds: !(given.has("signers.password") && given.has("signers.passwordFile")), message: "the password is given twice; choose one" },
  ];
  return rules.filter(({ holds }) => !holds).map(({ keys, message }) => ({ keys, message }));
}

function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}
