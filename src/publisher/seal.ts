// Signing a document as a role, and never letting an unverified one out (promise 7).

import type { Signer, Signers } from "../ports/signer.ts";
import { onlineUriOf } from "../roles/bootstrap.ts";
import { envelopeBytes } from "../tuf/canonical.ts";
import type { Key, RoleKeys, Signature } from "../tuf/documents.ts";
import { verifyThreshold } from "../tuf/threshold.ts";
import { PublisherError } from "./errors.ts";

/** The keys and threshold that clients will demand of a role, as its delegator WILL say in this head (rule 11). */
export interface RoleAuthority {
  readonly keys: { readonly [keyid: string]: Key };
  readonly role: RoleKeys;
}

export class Sealer {
  readonly #signers: Signers;
  readonly #open = new Map<string, Promise<Signer>>();

  constructor(signers: Signers) {
    this.#signers = signers;
  }

  /**
   * The file of a role: canonical bytes, signed by as many of its online keys as its threshold
   * asks, and verified.
   * @throws PublisherError `signature-invalid`; SignerError of the signer
   */
  async seal(name: string, canonical: Buffer, authority: RoleAuthority): Promise<Buffer> {
    const signatures: Signature[] = [];
    for (const keyid of authority.role.keyids) {
      if (signatures.length === authority.role.threshold) break;
      const key = authority.keys[keyid];
      const uri = onlineUriOf(key);
      if (key === undefined || uri === undefined) continue;
      const signer = await this.#signer(keyid, uri, key);
      signatures.push({ keyid, sig: await signer.sign(canonical) });
    }
    if (!verifyThreshold(authority, { signatures, canonical }).met) {
      for (const keyid of authority.role.keyids) this.#open.delete(keyid);
      throw new PublisherError("signature-invalid", `the signatures for ${name} do not meet its threshold: a signer answered with another key or other bytes`);
    }
    return envelopeBytes(canonical, signatures);
  }

  /** Proves by test signatures that `authority` can be met, before a root that says so is shown to anybody. */
  async prove(name: string, authority: RoleAuthority): Promise<void> {
    await this.seal(`a test of ${name}`, Buffer.from("rstuf proves its online keys"), authority);
  }

  #signer(keyid: string, uri: string, key: Key): Promise<Signer> {
    let opened = this.#open.get(keyid);
    if (opened === undefined) {
      opened = this.#signers.open(uri, key);
      this.#open.set(keyid, opened);
      opened.catch(() => this.#open.delete(keyid));
    }
    return opened;
  }
}
