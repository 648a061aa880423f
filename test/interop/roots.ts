// Roots and online keys that change under other people's clients.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generateKeyPair, writePrivatePem, type KeyPairType } from "../../src/drivers/signer/file/generate.ts";
import type { Key, Root } from "../../src/tuf/documents.ts";
import { keyFileName } from "../../src/tuf/keys.ts";
import { rootOf, signedBy, type Holder } from "../fakes/root-holders.ts";
import type { Client } from "./clients.ts";
import type { Service } from "./service.ts";
import { CLIENTS, type Watched } from "./watched.ts";

export const YEAR_MS = 365 * 86_400_000;

/** Makes an online key and puts its private half where the service looks for it. */
export async function onlineKey({ keyDir }: Service, type: KeyPairType): Promise<Key> {
  const pair = generateKeyPair(type);
  await writePrivatePem(join(keyDir, keyFileName(pair.key)), pair.privatePem());
  return { ...pair.key, "x-rstuf-online-key-uri": `fn:${keyFileName(pair.key)}` };
}

export const onlineOf = ({ keys, roles }: Root): Key => keys[roles.timestamp.keyids[0]!]!;

/** The first root, by `holders`, none of whom has signed it yet. */
export async function firstRoot({ service }: Watched, holders: readonly Holder[], threshold: number): Promise<Root> {
  const root = rootOf({ version: 1, holders, threshold, online: onlineOf(service.bootstrap.metadata.root.signed), expiresMs: Date.now() + YEAR_MS });
  await writeFile(service.root, JSON.stringify(signedBy(root, ...holders)));
  return root;
}

/** Every client, fresh and returning, looks again and again until `act` is done. Answers what that does, and how often they looked. */
export async function polled<T>(watched: Watched, act: () => Promise<T>): Promise<{ readonly answer: T; readonly looks: number }> {
  let done = false;
  let looks = 0;
  const acting = act().finally(() => { done = true; });
  const poll = async (client: Client, who: "fresh" | "returning"): Promise<void> => {
    for (; !done; looks++) await watched.glance(client, who);
  };
  const [answer] = await Promise.all([acting, ...CLIENTS.flatMap((client) => [poll(client, "fresh"), poll(client, "returning")])]);
  return { answer, looks };
}
