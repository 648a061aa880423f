// From configuration keys to what each room wants to know.

import { readFileSync } from "node:fs";
import { DEFAULT_LIMITS, LOOPBACK_HOSTS, type ApiSettings } from "../api/settings.ts";
import type { Config } from "../config/schema.ts";
import type { FileSignersOptions } from "../drivers/signer/file/signers.ts";
import type { PublisherPolicy } from "../publisher/deps.ts";
import type { SigningWindows } from "../roles/refresh.ts";
import type { PurgeOrder } from "./purge.ts";
import type { ReadingOrder } from "./threads/reading-link.ts";
import { readTokensFile } from "./tokens-file.ts";

export function publisherPolicyOf(config: Config): PublisherPolicy {
  const { publisher, refresh, retention } = config;
  return {
    minIntervalMs: publisher.minIntervalMs,
    maxBatchChanges: publisher.maxBatchChanges,
    maxBatchBytes: publisher.maxBatchBytes,
    leaseMs: publisher.leaseMs,
    // Of several processes on one database; a file has one.
    share: { fromRoles: config.database.url === undefined ? 0 : publisher.shareFromRoles, mostRoles: 512 },
    foldBehindFrom: 64,
    // Their clients read then, on the same cores.
    lingerMs: 15,
    refresh: { atRemainingFraction: refresh.atRemainingFraction, jitterFraction: refresh.jitterFraction, marginMs: refresh.marginMs, tickMs: publisher.tickMs },
    edgeStaleMs: retention.edgeStaleMs,
    keep: { tasksMs: retention.taskMs, committedMs: retention.committedMs, idempotencyMs: retention.idempotencyMs, noticesMs: retention.eventMs, mostNotices: retention.maxEvents },
    snapshotHashes: config.snapshot.hashes,
    binsStyle: config.bins.style,
    signingWindows: signingWindowsOf(config),
    settleMs: config.rotation.settleSeconds * 1000,
    allowUnportableKeys: config.keys.allowUnportable,
  };
}

export const signingWindowsOf = ({ signing }: Config): Omit<SigningWindows, "own"> => ({ defaultMs: signing.windowDays * 86_400_000, rootMs: signing.rootWindowDays * 86_400_000 });

/** Where private online keys are; plain values, the password revealed: never log it. */
export function signersOf({ keyDir, signers }: Config): Omit<FileSignersOptions, "env"> {
  return { keyDir, allow: signers.allow, password: signers.password?.reveal(), passwordFile: signers.passwordFile };
}

/** Whom to tell of a new timestamp; plain values, the token revealed: never log it. */
export function purgeOf({ cdn, metadata }: Config): PurgeOrder | undefined {
  if (cdn.purgeUrl === undefined) return undefined;
  return { url: cdn.purgeUrl, method: cdn.purgeMethod === "post" ? "POST" : "PURGE", token: cdn.purgeToken?.reveal(), file: `${metadata.publicUrl ?? ""}/timestamp.json` };
}

export function apiSettingsOf(config: Config, version: string, trial: boolean): ApiSettings {
  const { api, publisher, server, tls } = config;
  const wildcard = server.host === "0.0.0.0" || server.host === "::";
  const perSecond = api.rateLimitPerMinute / 60;
  return {
    version,
    allowedHosts: [...LOOPBACK_HOSTS, ...(wildcard ? [] : [server.host.includes(":") ? `[${server.host}]` : server.host]), ...api.allowedHosts],
    publicOrigins: api.publicOrigins,
    ...(api.tokensFile === undefined ? {} : { tokens: readTokensFile(api.tokensFile) }),
    disabledEndpoints: api.disabledEndpoints,
    limits: {
      ...DEFAULT_LIMITS,
      bodyBytes: api.maxBodyBytes,
      bodyBytesInFlight: Math.max(DEFAULT_LIMITS.bodyBytesInFlight, api.maxBodyBytes),
      artifactsPerRequest: api.maxArtifactsPerRequest,
      importArtifacts: api.maxImportArtifacts,
      customBytes: api.maxCustomBytes,
      jsonDepth: api.maxJsonDepth,
      connections: api.maxConnections,
      waiters: api.maxWaiters,
      reads: { ...DEFAULT_LIMITS.reads, waiting: api.maxReadsWaiting },
      headersTimeoutMs: api.headersTimeoutMs,
      requestTimeoutMs: api.requestTimeoutMs,
      backlog: { changes: publisher.maxBacklogChanges, bytes: publisher.maxBacklogBytes },
    },
    ...(perSecond === 0 ? {} : { rateLimit: { writesPerSecond: perSecond, burst: Math.max(1, Math.ceil(perSecond * 10)) } }),
    ...(tls.cert === undefined || tls.key === undefined ? {} : { tls: { cert: readFileSync(tls.cert), key: readFileSync(tls.key) } }),
    refreshAtFraction: config.refresh.atRemainingFraction,
    refreshMarginMs: config.refresh.marginMs,
    signingWindows: signingWindowsOf(config),
    trial,
  };
}

/** What the thread that reads is told of them: no token, no private key of TLS. */
export const readingSettingsOf = ({ limits, refreshAtFraction, refreshMarginMs, signingWindows }: ApiSettings): ReadingOrder["settings"] => ({ limits, refreshAtFraction, refreshMarginMs, signingWindows });
