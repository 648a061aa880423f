// What a new root says (TUF 4.3).

import type { Key, Root } from "../tuf/documents.ts";
import { SPEC_VERSION } from "../tuf/parse.ts";

export interface RootPlan {
  readonly version: number;
  /** `YYYY-MM-DDTHH:MM:SSZ` */
  readonly expires: string;
  readonly root: { readonly keys: { readonly [keyid: string]: Key }; readonly threshold: number };
  /** The key that signs timestamp, snapshot and, unless people do, targets. */
  readonly online: { readonly keyid: string; readonly key: Key };
  /** The people who sign targets. */
  readonly targets?: { readonly keys: { readonly [keyid: string]: Key }; readonly threshold: number } | undefined;
}

export function composeRoot({ version, expires, root, online, targets }: RootPlan): Root {
  const onlineRole = { keyids: [online.keyid], threshold: 1 };
  return {
    _type: "root",
    spec_version: SPEC_VERSION,
    version,
    expires,
    consistent_snapshot: true,
    keys: { ...root.keys, ...targets?.keys, [online.keyid]: online.key },
    roles: {
      root: { keyids: Object.keys(root.keys), threshold: root.threshold },
      timestamp: onlineRole,
      snapshot: onlineRole,
      targets: targets === undefined ? onlineRole : { keyids: Object.keys(targets.keys), threshold: targets.threshold },
    },
  };
}
