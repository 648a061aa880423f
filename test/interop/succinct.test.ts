// Succinct bins, one repository for each kind of key.

import { GO_TUF, PYTHON_TUF, TUF_JS } from "./clients.ts";
import { describeLife } from "./life.ts";

const clients = [PYTHON_TUF, GO_TUF, TUF_JS];

describeLife({ name: "succinct, 1,024 bins, ed25519", online: "ed25519", root: ["ed25519", "ed25519"], bins: 1024, clients });
describeLife({ name: "succinct, 64 bins, ecdsa, private key encrypted", online: "ecdsa", root: ["ecdsa", "ecdsa"], bins: 64, encrypted: true, clients });
describeLife({ name: "succinct, 16 bins, rsa", online: "rsa", root: ["rsa", "rsa"], bins: 16, clients });
describeLife({ name: "succinct, 2 bins, root keys of all kinds", online: "ecdsa", root: ["ed25519", "ecdsa", "rsa"], bins: 2, clients });
