// How many bins a repository is best cut into: the number for which clients fetch least.
//
// PEP 458's reckoning, with this service's own sizes. Whenever something was published, a client that
// returns fetches the snapshot, which names every bin, and the bins of what it looks up; a fresh one
// also the roots, targets and the timestamp. More bins make the first larger and the others smaller.

import { MAX_BINS } from "../tuf/bins.ts";

export interface Numbers {
  readonly artifacts: number;
  /** Of one target in its bin, path included. */
  readonly targetBytes: number;
  /** Artifacts that a client looks up per update. */
  readonly lookups: number;
}

export interface Choice {
  readonly bins: number;
  readonly snapshotBytes: number;
  readonly binBytes: number;
  readonly targetsPerBin: number;
  /** Per update, when every bin it asks for has changed. */
  readonly returningBytes: number;
  readonly freshBytes: number;
  /** What speaks against it, beside bytes. */
  readonly warnings: readonly string[];
}

/** Measured: an envelope with one ed25519 signature, its members and no targets; roots, targets and timestamp. */
const ENVELOPE_BYTES = 400;
const TOP_LEVEL_BYTES = 4_500;
/** A bin's entry in snapshot: its name in hex, and a version of seven digits. */
const entryBytes = (bins: number): number => '"bins-.json":{"version":1234567},'.length + Math.ceil(Math.log2(bins) / 4);

/** tuf-js needs seconds for a snapshot of more roles, with the square of their number. */
const TUF_JS_ROLES = 2_048;
/** A bin of more targets costs tuf-js a tenth of a second and more. */
const TUF_JS_TARGETS = 1_000;
/** Clients read 5,000,000 bytes of a role; a bin doubles before it is looked at again. */
const LARGE_BIN_BYTES = 2_500_000;

export function choices({ artifacts, targetBytes, lookups }: Numbers): readonly Choice[] {
  const made: Choice[] = [];
  for (let bins = 2; bins <= MAX_BINS; bins *= 2) {
    const snapshotBytes = ENVELOPE_BYTES + bins * entryBytes(bins);
    const targetsPerBin = artifacts / bins;
    const binBytes = Math.round(ENVELOPE_BYTES + targetsPerBin * targetBytes);
    // So many different bins, on average.
    const asked = bins * (1 - (1 - 1 / bins) ** lookups);
    const returningBytes = Math.round(ENVELOPE_BYTES + snapshotBytes + asked * binBytes);
    const warnings = [
      ...(bins > TUF_JS_ROLES ? ["tuf-js takes many seconds to read the snapshot"] : []),
      ...(targetsPerBin > TUF_JS_TARGETS ? [`over ${TUF_JS_TARGETS.toLocaleString("en")} artifacts a bin are slow for tuf-js`] : []),
      ...(binBytes > LARGE_BIN_BYTES ? ["bins come near the 5,000,000 bytes that clients read"] : []),
    ];
    made.push({ bins, snapshotBytes, binBytes, targetsPerBin: Math.round(targetsPerBin), returningBytes, freshBytes: returningBytes + TOP_LEVEL_BYTES, warnings });
  }
  return made;
}

/** The one for which a returning client fetches least, among those that no client chokes on. */
export function advised(all: readonly Choice[]): Choice {
  const fit = all.filter(({ binBytes }) => binBytes <= LARGE_BIN_BYTES);
  const [first, ...others] = fit.length > 0 ? fit : all.slice(-1);
  if (first === undefined) throw new Error("no choices");
  return others.reduce((best, choice) => (choice.returningBytes < best.returningBytes ? choice : best), first);
}
