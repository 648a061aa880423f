// Classic bins (`path_hash_prefixes`), for clients without TAP 15.

import { GO_TUF, PYTHON_TUF, TUF_JS } from "./clients.ts";
import { describeLife } from "./life.ts";

// When a newer go-tuf is pinned and this fails, it reads them: move it to the clients.
const blind = [{ client: GO_TUF, reason: "go-tuf 2.4.2 compares path_hash_prefixes with base64 of the hash; mended upstream after it" }];

for (const online of ["ed25519", "ecdsa", "rsa"] as const) {
  describeLife({ name: `classic, 32 bins, ${online}`, online, root: [online], bins: 32, binsStyle: "classic", clients: [PYTHON_TUF, TUF_JS], blind });
}
