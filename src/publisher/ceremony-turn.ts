// What a turn about signatures and keys is done with.

import type { Head } from "./head.ts";
import type { LeaseHold } from "./lease-hold.ts";
import type { PublishOrder } from "./publish.ts";
import type { Sealer } from "./seal.ts";

export interface CeremonyTurn {
  readonly hold: LeaseHold;
  readonly sealer: Sealer;
  /** Publishes one head, in its time. */
  readonly publish: (order: PublishOrder) => Promise<Head>;
}
