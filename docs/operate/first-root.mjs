// Composes and signs the first root of a repository, on machines without a network.
// How it is used: docs/operate/first-root.md.
//
//   first-root.mjs compose --out root.json --online online.pub --threshold 2 [--days 365] ann.pub bob.pub carol.pub
//   first-root.mjs sign root.json PRIVATE-KEY [--password-file FILE]
//   first-root.mjs payload root.json --bins 256
//
// `sign` adds one signature to the file and prints what was signed; `payload` prints the body of
// POST /api/v1/bootstrap/. Nothing here needs the service.

import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { publicHalfOf, readPrivateKey, signerOf } from "../../src/drivers/signer/common/private-key.ts";
import { ONLINE_URI } from "../../src/roles/bootstrap.ts";
import { DEFAULT_DAYS, expiresAfter } from "../../src/roles/policy.ts";
import { composeRoot } from "../../src/roles/root.ts";
import { canonicalize } from "../../src/tuf/canonical.ts";
import { sha256Hex } from "../../src/tuf/crypto.ts";
import { keyidOf, publicKeyOf, samePublicKey } from "../../src/tuf/keys.ts";
import { parseEnvelope } from "../../src/tuf/parse.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: "string", default: "root.json" },
    online: { type: "string", default: "" },
    threshold: { type: "string", default: "2" },
    days: { type: "string", default: String(DEFAULT_DAYS.root) },
    bins: { type: "string", default: "256" },
    "password-file": { type: "string" },
  },
});
const [command, ...files] = positionals;
const actions = { compose, sign, payload };
if (!Object.hasOwn(actions, command ?? "") || files.length === 0) {
  console.error("first-root.mjs compose|sign|payload FILE...: see docs/operate/first-root.md");
  process.exitCode = 2;
} else await actions[command]();

function compose() {
  const keys = files.map((file) => ({ ...publicKeyOf(readFileSync(file)), "x-rstuf-key-name": nameOf(file) }));
  const online = { ...publicKeyOf(readFileSync(values.online)), "x-rstuf-key-name": nameOf(values.online), [ONLINE_URI]: `fn:${nameOf(values.online)}` };
  const signed = composeRoot({
    version: 1,
    expires: expiresAfter(Date.now(), Number(values.days) * 86_400_000).text,
    root: { keys: Object.fromEntries(keys.map((key) => [keyidOf(key), key])), threshold: Number(values.threshold) },
    online: { keyid: keyidOf(online), key: online },
  });
  writeFileSync(values.out, `${JSON.stringify({ signatures: [], signed }, null, 1)}\n`, { flag: "wx" });
  describe(signed);
}

async function sign() {
  const [file, keyFile] = files;
  const password = values["password-file"] === undefined ? undefined : readFileSync(values["password-file"], "utf8").split(/\r?\n/, 1)[0];
  const { signed, signatures } = parseEnvelope(readFileSync(file), "root");
  const privateKey = readPrivateKey(keyFile, readFileSync(keyFile), password);
  const mine = publicHalfOf(keyFile, privateKey);
  const keyid = signed.roles.root.keyids.find((id) => samePublicKey(signed.keys[id], mine));
  if (keyid === undefined) throw new Error(`${keyFile} is no root key of ${file}`);
  const sig = await signerOf(keyFile, privateKey, signed.keys[keyid]).sign(canonicalize(signed));
  const all = [...signatures.filter((signature) => signature.keyid !== keyid), { keyid, sig }];
  writeFileSync(file, `${JSON.stringify({ signatures: all, signed }, null, 1)}\n`);
  describe(signed);
  console.log(`signed by ${String(all.length)} of ${String(signed.roles.root.threshold)} needed`);
}

function payload() {
  const { signed, signatures } = parseEnvelope(readFileSync(files[0]), "root");
  const days = (role) => ({ expiration: role === "root" ? Number(values.days) : DEFAULT_DAYS[role] });
  const roles = { root: days("root"), targets: days("targets"), snapshot: days("snapshot"), timestamp: days("timestamp") };
  const bins = { ...days("bins"), number_of_delegated_bins: Number(values.bins) };
  console.log(JSON.stringify({ settings: { roles: { ...roles, bins } }, metadata: { root: { signatures, signed } } }));
}

/** What every key holder compares with the others before signing. */
function describe(signed) {
  console.log(`root version ${String(signed.version)}, expires ${signed.expires}, ${String(signed.roles.root.threshold)} of ${String(signed.roles.root.keyids.length)} keys`);
  for (const [keyid, key] of Object.entries(signed.keys)) {
    console.log(`  ${keyid}  ${key.scheme}  ${key["x-rstuf-key-name"]}${key[ONLINE_URI] === undefined ? "" : "  (online)"}`);
  }
  console.log(`fingerprint ${sha256Hex(canonicalize(signed))}`);
}

function nameOf(file) {
  return basename(file).replace(/\.pub$/, "");
}
