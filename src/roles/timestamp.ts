// What the next timestamp says: which snapshot is the current one (TUF 4.6).

import { SPEC_VERSION } from "../tuf/parse.ts";

export interface TimestampDocument {
  readonly version: number;
  readonly expires: string;
  /** The stored snapshot file. Above 2,000,000 bytes clients need its length stated; we always state it. */
  readonly snapshot: { readonly version: number; readonly length: number; readonly sha256: string };
}

export function pressTimestamp({ version, expires, snapshot }: TimestampDocument): Buffer {
  return Buffer.from(
    `{"_type":"timestamp","expires":"${expires}","meta":{"snapshot.json":{"hashes":{"sha256":"${snapshot.sha256}"},` +
      `"length":${String(snapshot.length)},"version":${String(snapshot.version)}}},` +
      `"spec_version":"${SPEC_VERSION}","version":${String(version)}}`,
  );
}
