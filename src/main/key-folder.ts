// The folder of private keys: 0700, its files 0600.

import { chmod, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { generateKeyPair, writePrivatePem } from "../drivers/signer/file/generate.ts";
import type { Key } from "../tuf/documents.ts";
import { keyFileName } from "../tuf/keys.ts";

export interface StoredKey {
  readonly key: Key;
  readonly file: string;
  readonly pem: string;
}

/** Makes an ed25519 key and puts its private half into `folder`, under the name that `fn:` URIs use. */
export async function makeKey(folder: string): Promise<StoredKey> {
  await ensureKeyFolder(folder);
  const pair = generateKeyPair("ed25519");
  const file = join(folder, keyFileName(pair.key));
  const pem = pair.privatePem();
  await writePrivatePem(file, pem);
  return { key: pair.key, file, pem };
}

export async function ensureKeyFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { mode } = await stat(folder);
  if ((mode & 0o077) !== 0) await chmod(folder, 0o700);
}
