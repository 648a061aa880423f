// Signing a document as a role, and never letting an unverified one out (promise 7).

import type { Signer, Signers } from "../ports/signer.ts";
import { onlineUriOf } from "../roles/online-key.ts";
import { envelopeBytes } from "../tuf/canonical.ts";
import type { Key, RoleKeys, Signature } from "../tuf/documents.ts";
import type { verifyThreshold, verifyThresholdApart } from "../tuf/threshold.ts";
import { PublisherError } from "./errors.ts";

/** The keys and threshold that clients will demand of a role, as its delegator WILL say in this head (rule 11). */
export interface RoleAuthority {
  readonly keys: { readonly [keyid: string]: Key };
  readonly role: RoleKeys;
}

/** In other threads, so that a slice of roles is verified on other cores while the next is composed; or in turn, where steps are to be counted. */
export type Verify = typeof verifyThreshold | typeof verifyThresholdApart;

export class Sealer {
  readonly #signers: Signers;
  readonly #verify: Verify;
  readonly #open = new Map<string, Promise<Signer>>();

  constructor({ signers, verify }: { readonly signers: Signers; readonly verify: Verify }) {
    this.#signers = signers;
    this.#verify = verify;
  }

  /**
   * The file of a role: canonical bytes, signed by as many of its online keys as its threshold
   * asks, and verified. With several authorities (old and new keys, rule 20) it verifies under each.
   * @throws PublisherError `signature-invalid`; SignerError of the signer
   */
  async seal(name: string, canonical: Buffer, ...authorities: readonly RoleAuthority[]): Promise<Buffer> {
    const signatures: Signature[] = [];
    for (const authority of authorities) await this.#sign(canonical, authority, signatures);
    const verifying = Promise.all(authorities.map(async (authority) => this.#verify(authority, { signatures, canonical })));
    // Put together while other threads verify (a snapshot of 16,384 bins: a millisecond); nobody gets it before they did.
    const envelope = envelopeBytes(canonical, signatures);
    if (!(await verifying).every(({ met }) => met)) {
      this.#open.clear();
      throw new PublisherError("signature-invalid", `the signatures for ${name} do not meet its threshold: a signer answered with another key or other bytes`);
    }
    return envelope;
  }

  /** Adds what online keys have to give to the signatures of people. @throws SignerError of the signer */
  async complete(canonical: Buffer, authority: RoleAuthority, signatures: readonly Signature[]): Promise<readonly Signature[]> {
    const all = [...signatures];
    await this.#sign(canonical, authority, all);
    return all;
  }

  /** Adds what is missing to `signatures`. */
  async #sign(canonical: Buffer, { keys, role }: RoleAuthority, signatures: Signature[]): Promise<void> {
    let count = role.keyids.filter((keyid) => signatures.some((signature) => signature.keyid === keyid)).length;
    for (const keyid of role.keyids) {
      if (count >= role.threshold) break;
      const key = keys[keyid];
      const uri = onlineUriOf(key);
      if (key === undefined || uri === undefined || signatures.some((signature) => signature.keyid === keyid)) continue;
      const signer = await this.#signer(keyid, uri, key);
      signatures.push({ keyid, sig: await signer.sign(canonical) });
      count += 1;
    }
  }

  /**
   * Proves by test signatures that `authority` can be met, before a root that says so is shown to anybody. Its signers are
   * opened anew: a key that is gone from its place is there until the next start only (H24).
   */
  async prove(name: string, authority: RoleAuthority): Promise<void> {
    for (const keyid of authority.role.keyids) this.#open.delete(nameOf(keyid, onlineUriOf(authority.keys[keyid])));
    await this.seal(`a test of ${name}`, Buffer.from("rstuf proves its online keys"), authority);
  }

  /** Keys changed: none that went stays in memory. */
  forget(): void {
    this.#open.clear();
  }

  #signer(keyid: string, uri: string, key: Key): Promise<Signer> {
    const name = nameOf(keyid, uri);
    let opened = this.#open.get(name);
    if (opened === undefined) {
      opened = this.#signers.open(uri, key);
      this.#open.set(name, opened);
      opened.catch(() => this.#open.delete(name));
    }
    return opened;
  }
}

const nameOf = (keyid: string, uri: string | undefined): string => `${keyid} ${uri ?? ""}`;
