// As many bins as there can be. Not tuf-js: it reads a snapshot in time that grows with the
// square of its entries, minutes at this size.

import { GO_TUF, PYTHON_TUF } from "./clients.ts";
import { describeLife } from "./life.ts";

describeLife({ name: "succinct, 16,384 bins, ed25519", online: "ed25519", root: ["ed25519", "ecdsa", "rsa"], bins: 16_384, clients: [PYTHON_TUF, GO_TUF] });
