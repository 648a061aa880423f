// Private keys in files and environment variables.
//
//   fn:<name>            the file <name> in the key directory, itself no link
//   file:<path>          only when the URI stands literally in `allow`
//   env:RSTUF_KEY_<X>    likewise; the variable holds the PEM
//
// A URI comes out of metadata, so it is a name somebody else chose: it can never reach a
// file or variable that the operator did not offer. Errors name the URI, never what was read.

import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { SignerError } from "../../../ports/signer.ts";
import type { Signer, Signers } from "../../../ports/signer.ts";
import type { Key } from "../../../tuf/documents.ts";
import { isEncrypted, nameOf, readPrivateKey, signerOf } from "../common/private-key.ts";

export interface FileSignersOptions {
  /** Where `fn:` keys lie; without it every `fn:` is `not-allowed`. */
  readonly keyDir?: string | undefined;
  /** The `file:` and `env:` URIs that may be used, literally. */
  readonly allow: readonly string[];
  /** Reads one environment variable. */
  readonly env: (name: string) => string | undefined;
  /** Opens every encrypted key. */
  readonly password?: string | undefined;
  /** A file whose first line is that password; read when an encrypted key is opened. `password` wins. */
  readonly passwordFile?: string | undefined;
}

const FILE_NAME = /^[A-Za-z0-9._-]{1,255}$/;
const VARIABLE = /^RSTUF_KEY_[A-Z0-9_]{1,200}$/;
/** A PEM of RSA-8192 is under 7 KiB. */
const KEY_BYTES = 64 * 1024;
const PASSWORD_BYTES = 4 * 1024;

export function createFileSigners(options: FileSignersOptions): Signers {
  return {
    async open(uri: string, key: Key): Promise<Signer> {
      const pem = await readPem(uri, options);
      const password = isEncrypted(pem) ? await readPassword(uri, options) : undefined;
      return signerOf(uri, readPrivateKey(uri, pem, password), key);
    },
  };
}

async function readPem(uri: string, options: FileSignersOptions): Promise<Buffer> {
  const [, scheme, name = ""] = /^([A-Za-z][A-Za-z0-9+.-]*):([^]*)$/.exec(uri) ?? [];
  switch (scheme) {
    case "fn": {
      if (options.keyDir === undefined) throw new SignerError("not-allowed", `${nameOf(uri)} cannot be used: no key directory is configured (keyDir)`);
      if (!FILE_NAME.test(name) || name === "." || name === "..") {
        throw new SignerError("not-allowed", `${nameOf(uri)} is not the name of a file in the key directory: letters, digits, dot, dash, underscore`);
      }
      return readBounded(uri, join(options.keyDir, name), KEY_BYTES, constants.O_NOFOLLOW);
    }
    case "file":
      requireAllowed(uri, options);
      // `file:///path` is the path, and older metadata appends `?encrypted=true`.
      return readBounded(uri, name.replace(/^\/\/(?=\/)/, "").replace(/\?encrypted=(?:true|false)$/, ""), KEY_BYTES, 0);
    case "env": {
      if (!VARIABLE.test(name)) throw new SignerError("not-allowed", `${nameOf(uri)} cannot be used: the variable's name must begin with RSTUF_KEY_`);
      requireAllowed(uri, options);
      const value = options.env(name);
      if (value === undefined || value === "") throw new SignerError("not-found", `${nameOf(uri)}: the variable is not set`);
      // Some launchers cannot pass line breaks.
      return Buffer.from(value.includes("\n") ? value : value.replaceAll("\\n", "\n"));
    }
    default:
      throw new SignerError("not-built-in", `${nameOf(uri)}: keys of this kind are not built in; there are fn:, file: and env:`);
  }
}

function requireAllowed(uri: string, options: FileSignersOptions): void {
  if (!options.allow.includes(uri)) throw new SignerError("not-allowed", `${nameOf(uri)} is not allowed: list it in signers.allow`);
}

async function readPassword(uri: string, options: FileSignersOptions): Promise<string | undefined> {
  if (options.password !== undefined || options.passwordFile === undefined) return options.password;
  let text: Buffer;
  try {
    text = await readBounded(options.passwordFile, options.passwordFile, PASSWORD_BYTES, 0);
  } catch (error) {
    throw new SignerError("unreadable", `${nameOf(uri)} is encrypted, and the password file cannot be read (${error instanceof SignerError ? error.code : "unreadable"})`);
  }
  return text.toString("utf8").split(/\r?\n/, 1)[0];
}

async function readBounded(uri: string, path: string, maxBytes: number, flags: number): Promise<Buffer> {
  try {
    // O_NONBLOCK: a pipe in the file's place must not hold us.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
    const stats = await file.stat();
    if (!stats.isFile()) throw new SignerError("unreadable", `${nameOf(uri)} is no plain file`);
    const buffer = Buffer.alloc(maxBytes + 1);
    let length = 0;
    while (length <= maxBytes) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (length > maxBytes) throw new SignerError("unreadable", `${nameOf(uri)} is larger than ${maxBytes} bytes`);
    return buffer.subarray(0, length);
  } catch (error) {
    if (error instanceof SignerError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "ENOENT" || code === "ENOTDIR") throw new SignerError("not-found", `${nameOf(uri)}: there is no such file`);
    if (code === "ELOOP") throw new SignerError("unreadable", `${nameOf(uri)} is a link; links are not followed in the key directory`);
    throw new SignerError("unreadable", `${nameOf(uri)} cannot be read (${code})`);
  }
}
