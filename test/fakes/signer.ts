// Signers over real keys that never leave memory, and can be told to fail.

import { constants, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { SignerError } from "../../src/ports/signer.ts";
import type { Signer, Signers } from "../../src/ports/signer.ts";
import type { Key } from "../../src/tuf/documents.ts";

export interface MemorySigners extends Signers {
  /** Puts an ed25519 key under `uri`, a new one unless given; its public half, as metadata carries it. */
  addEd25519(uri: string, privateKey?: KeyObject): Key;
  /** Makes a new P-256 key under `uri`. */
  addEcdsa(uri: string): Key;
  /** Makes a new RSA-2048 key under `uri` (slow: tens of milliseconds). */
  addRsa(uri: string): Key;
  /** The key under `uri` is gone from now on; signers that are open answer `unavailable`. */
  remove(uri: string): void;
  /** How many signatures were made. */
  readonly signatures: number;
  /** Runs before every signature; throwing makes that signature fail. Settable. */
  beforeSign: ((uri: string) => void | Promise<void>) | undefined;
}

export function createMemorySigners(): MemorySigners {
  const keys = new Map<string, { readonly privateKey: KeyObject; readonly key: Key }>();
  let signatures = 0;

  const add = (uri: string, privateKey: KeyObject, keytype: string, scheme: string): Key => {
    const key: Key = { keytype, scheme, keyval: { public: publicText(privateKey) }, "x-rstuf-online-key-uri": uri };
    keys.set(uri, { privateKey, key });
    return key;
  };

  const signers: MemorySigners = {
    addEd25519: (uri, privateKey = generateKeyPairSync("ed25519").privateKey) => add(uri, privateKey, "ed25519", "ed25519"),
    addEcdsa: (uri) => add(uri, generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey, "ecdsa", "ecdsa-sha2-nistp256"),
    addRsa: (uri) => add(uri, generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey, "rsa", "rsassa-pss-sha256"),
    remove: (uri) => void keys.delete(uri),
    get signatures() {
      return signatures;
    },
    beforeSign: undefined,

    open(uri: string, key: Key): Promise<Signer> {
      const entry = keys.get(uri);
      if (entry === undefined) return Promise.reject(new SignerError("not-found", `no private key for ${uri}`));
      if (entry.key.keytype !== key.keytype || entry.key.scheme !== key.scheme || entry.key.keyval.public.trim() !== key.keyval.public.trim()) {
        return Promise.reject(new SignerError("wrong-key", `${uri} is not the private half of the key asked for`));
      }
      return Promise.resolve({
        uri,
        async sign(bytes: Uint8Array): Promise<string> {
          await signers.beforeSign?.(uri);
          if (!keys.has(uri)) throw new SignerError("unavailable", `${uri} did not answer`);
          signatures += 1;
          return signWith(entry.privateKey, bytes);
        },
      });
    },
  };
  return signers;
}

/** The `keyval.public` of a private key. */
function publicText(privateKey: KeyObject): string {
  const publicKey = createPublicKey(privateKey);
  if (privateKey.asymmetricKeyType !== "ed25519") return publicKey.export({ type: "spki", format: "pem" }) as string;
  return Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url").toString("hex");
}

function signWith(privateKey: KeyObject, bytes: Uint8Array): string {
  switch (privateKey.asymmetricKeyType) {
    case "ed25519":
      return sign(null, bytes, privateKey).toString("hex");
    case "rsa":
      return sign("sha256", bytes, { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }).toString("hex");
    default:
      return sign("sha256", bytes, { key: privateKey, dsaEncoding: "der" }).toString("hex");
  }
}
