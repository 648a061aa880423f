// Makes new key pairs and puts private keys into files.

import { generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import type { Key } from "../../../tuf/documents.ts";
import { publicKeyOf } from "../../../tuf/keys.ts";

export type KeyPairType = "ed25519" | "ecdsa" | "rsa";

export interface KeyPair {
  /** The public half, as metadata carries it. */
  readonly key: Key;
  /** The public half as SubjectPublicKeyInfo PEM. */
  readonly publicPem: string;
  /** PKCS#8 PEM; encrypted (PBES2, AES-256) when a password is given. An empty password is refused: TypeError. */
  privatePem(password?: string): string;
}

/** ed25519, ecdsa on P-256, or rsa with 3072 bits (which takes up to seconds). */
export function generateKeyPair(type: KeyPairType): KeyPair {
  const { privateKey, publicKey } = MAKERS[type]();
  const publicPem = publicKey.export({ type: "spki", format: "pem" }) as string;
  return {
    key: publicKeyOf(publicPem),
    publicPem,
    privatePem(password) {
      if (password === "") throw new TypeError("an empty password protects nothing; leave it out");
      const cipher = password === undefined ? {} : { cipher: "aes-256-cbc", passphrase: password };
      return privateKey.export({ type: "pkcs8", format: "pem", ...cipher }) as string;
    },
  };
}

const MAKERS: Readonly<Record<KeyPairType, () => { privateKey: KeyObject; publicKey: KeyObject }>> = {
  ed25519: () => generateKeyPairSync("ed25519"),
  ecdsa: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  rsa: () => generateKeyPairSync("rsa", { modulusLength: 3072 }),
};

/**
 * Writes a private key into a new file that only this user may read, durably.
 * @throws the system's error; its `code` is EEXIST when there is a file already, which stays untouched
 */
export async function writePrivatePem(path: string, pem: string): Promise<void> {
  {
    await using file = await open(path, "wx", 0o600);
    await file.chmod(0o600);
    await file.writeFile(pem);
    await file.sync();
  }
  await using folder = await open(dirname(path), "r");
  await folder.sync();
}
