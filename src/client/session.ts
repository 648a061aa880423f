// What one refresh established, and the means to learn more of the same moment.

import type { ParsedEnvelope } from "../tuf/parse.ts";
import type { TrustedSet } from "../tuf/trusted-set.ts";
import type { MetadataSource } from "./metadata-source.ts";
import type { ClientLimits, ClientOptions } from "./options.ts";

export interface Session {
  readonly options: ClientOptions;
  readonly limits: ClientLimits;
  readonly source: MetadataSource;
  readonly trusted: TrustedSet;
  /** Roles loaded or being loaded, by delegator and role: each is fetched and verified once a session. */
  readonly roles: Map<string, Promise<ParsedEnvelope<"targets">>>;
}
