"""Writes python-tuf.json: what python-tuf makes of these inputs.

Recorded with python-tuf 6.0.0 and securesystemslib 1.6.0 on Python 3.
Run: pip install tuf==6.0.0 securesystemslib[crypto]==1.6.0 && python generate.py
Keys are made anew at each run; nothing in the tests depends on which.
"""

import json
from datetime import datetime, timezone
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import (
    DelegatedRole, Delegations, Key, Metadata, MetaFile, Root, Snapshot,
    SuccinctRoles, TargetFile, Targets, Timestamp,
)
from tuf.api.serialization.json import CanonicalJSONSerializer, JSONSerializer

HERE = Path(__file__).parent
EXPIRES = datetime(2035, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
OUT = {"origin": "python-tuf 6.0.0, securesystemslib 1.6.0 (generate.py)"}

OUT["canonical"] = [
    {**row, "canonicalHex": encode_canonical(json.loads(row["json"])).encode().hex()}
    for row in json.loads((HERE / "inputs.json").read_text())
]

# One key of each scheme, its keyid and a signature.
MESSAGE = b"what is signed \x00\xff"
RSA = rsa.generate_private_key(65537, 2048)


def row(name, signer):
    key = signer.public_key
    sig = signer.sign(MESSAGE)
    key.verify_signature(sig, MESSAGE)
    return {"name": name, "keyid": key.keyid, "key": key.to_dict(), "sig": sig.signature}


def ecdsa_row(curve, scheme, digest):
    private = ec.generate_private_key(curve)
    key = SSlibKey.from_crypto(private.public_key(), scheme=scheme)
    return {"name": scheme, "keyid": key.keyid, "key": key.to_dict(), "sig": private.sign(MESSAGE, ec.ECDSA(digest)).hex()}


def rsa_row(name, scheme, sig):
    key = SSlibKey.from_crypto(RSA.public_key(), scheme=scheme)
    return {"name": name, "keyid": key.keyid, "key": key.to_dict(), "sig": sig.hex()}


def pss(digest, salt):
    return RSA.sign(MESSAGE, padding.PSS(mgf=padding.MGF1(digest), salt_length=salt), digest)


PORTABLE = [
    row("ed25519", CryptoSigner.generate_ed25519()),
    row("ecdsa P-256", CryptoSigner.generate_ecdsa()),
    row("rsassa-pss-sha256", CryptoSigner(RSA, SSlibKey.from_crypto(RSA.public_key()))),
    *[rsa_row(f"rsassa-pss-sha256 with {n} bytes of salt", "rsassa-pss-sha256", pss(hashes.SHA256(), n)) for n in (0, 20, 64, 222)],
]
UNPORTABLE = [
    ecdsa_row(ec.SECP384R1(), "ecdsa-sha2-nistp384", hashes.SHA384()),
    ecdsa_row(ec.SECP521R1(), "ecdsa-sha2-nistp521", hashes.SHA512()),
    rsa_row("rsassa-pss-sha512", "rsassa-pss-sha512", pss(hashes.SHA512(), 64)),
    rsa_row("rsa-pkcs1v15-sha256", "rsa-pkcs1v15-sha256", RSA.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA256())),
]
OUT["signatures"] = {"messageHex": MESSAGE.hex(), "portable": PORTABLE, "unportable": UNPORTABLE}

# Succinct bins.
PATHS = ["", "a", "dir/file.txt", "pkgs/é/😀.tar.gz", "x" * 300, *[f"p/{i}.whl" for i in range(12)]]
OUT["bins"] = []
for bits in [*range(1, 15), 16, 20, 31, 32]:
    roles = SuccinctRoles([], 1, bits, "bins")
    OUT["bins"].append({
        "bitLength": bits,
        "first": f"bins-{0:0{roles.suffix_len}x}",
        "last": f"bins-{roles.number_of_bins - 1:0{roles.suffix_len}x}",
        "binOf": {path: roles.get_role_for_target(path) for path in PATHS},
    })

# Patterns of literal text, * and ?.
PATTERNS = ["*", "?", "a", "a*", "*a", "*a*", "a/*", "a/*/c", "*/*", "a?c", "a/?", "*.tar.gz", "a*b*c", "**", "?*", "*.*", "é?", "a\n"]
NAMES = ["", "a", "b", "ab", "abc", "a/b", "a/", "a/b/c", "a//c", "x.tar.gz", "d/x.tar.gz", "aXbYc", "abcabc", ".hidden", "é😀", "éa", "A", "a\n", "a?c", "a*"]
OUT["patterns"] = [
    {"pattern": pattern, "matches": [name for name in NAMES if DelegatedRole("r", [], 1, False, paths=[pattern]).is_delegated_path(name)]}
    for pattern in PATTERNS
]
OUT["patternNames"] = NAMES
OUT["prefixes"] = [
    {"prefix": prefix, "matches": [n for n in NAMES if DelegatedRole("r", [], 1, False, path_hash_prefixes=[prefix]).is_delegated_path(n)]}
    for prefix in ["", "e", "c", "ca", "CA", "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603"]
]

# A repository with every portable scheme, unknown members, two roots and a delegation.
SIGNERS = {
    "ed": CryptoSigner.generate_ed25519(),
    "ec": CryptoSigner.generate_ecdsa(),
    "rsa": CryptoSigner.generate_rsa(),
}
ed, ec_, rs = (SIGNERS[n] for n in ("ed", "ec", "rsa"))
ed.public_key.unrecognized_fields["x-rstuf-key-name"] = "Jane 😀\nDoe"
files = {}


def store(name, md, compact=True):
    files[name] = md.to_bytes(JSONSerializer(compact=compact)).decode()


root = Root(expires=EXPIRES, consistent_snapshot=True, unrecognized_fields={"x-note": {"z": [1, "tab\t"], "a": None}})
for role in ("root", "timestamp", "snapshot", "targets"):
    root.add_key(ed.public_key, role)
root.add_key(ec_.public_key, "root")
root.add_key(rs.public_key, "snapshot")
root.roles["root"].threshold = 2
md = Metadata(root)
md.sign(ed), md.sign(ec_, append=True)
store("1.root.json", md, compact=False)
root.version = 2
root.revoke_key(ec_.public_key.keyid, "root")
root.add_key(rs.public_key, "root")
md.sign(ed), md.sign(ec_, append=True), md.sign(rs, append=True)
store("2.root.json", md)

target = TargetFile.from_data("dir/é file.txt", b"hello", ["sha256", "sha512"])
target.unrecognized_fields["custom"] = {"size": 5, "line": "a\nb", "tags": ["x"]}
delegations = Delegations(
    {ec_.public_key.keyid: ec_.public_key},
    {"project": DelegatedRole("project", [ec_.public_key.keyid], 1, True, paths=["project/*"])},
)
md = Metadata(Targets(expires=EXPIRES, targets={"dir/é file.txt": target}, delegations=delegations))
md.sign(ed)
store("1.targets.json", md)
md = Metadata(Targets(expires=EXPIRES, targets={"project/x": TargetFile.from_data("project/x", b"x")}))
md.sign(ec_)
store("1.project.json", md)
meta = {}
for role in ("targets", "project"):
    data = files[f"1.{role}.json"].encode()
    meta[f"{role}.json"] = MetaFile.from_data(1, data, ["sha256", "sha512"])
md = Metadata(Snapshot(expires=EXPIRES, meta=meta))
md.sign(rs)
store("1.snapshot.json", md)
md = Metadata(Timestamp(expires=EXPIRES, snapshot_meta=MetaFile.from_data(1, files["1.snapshot.json"].encode(), ["sha256"])))
md.sign(ed)
store("timestamp.json", md)
OUT["files"] = files
OUT["fileCanonicalSha256"] = {}
for name, text in files.items():
    digest = hashes.Hash(hashes.SHA256())
    digest.update(CanonicalJSONSerializer().serialize(Metadata.from_bytes(text.encode()).signed))
    OUT["fileCanonicalSha256"][name] = digest.finalize().hex()

(HERE / "python-tuf.json").write_text(json.dumps(OUT, indent=1, ensure_ascii=True) + "\n")
