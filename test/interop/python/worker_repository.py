"""Makes a repository the way the Python implementation's worker does, with python-tuf.

    worker_repository.py --folder DIR --artifacts DIR --kind bins|custom

Writes DIR/metadata, DIR/keys (the online key, where `fn:` looks for it), DIR/first-root.json, and
the artifacts' contents under the other folder, by their plain names and by their hash-prefixed ones.

As the worker writes it: keyids of securesystemslib (which leave the x-rstuf fields out), the online
key's URI inside the key object, numbers per role that begin at 1, versions and nothing else in
snapshot and timestamp, sorted keys with one space of indentation; a bootstrap, two publishes, a new
version of every bin, and a second root.
"""

import argparse
import hashlib
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import (
    DelegatedRole, Delegations, Metadata, MetaFile, Root, Snapshot, SuccinctRoles, TargetFile, Targets, Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

BITS = 3


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--artifacts", required=True, type=Path)
    parser.add_argument("--kind", required=True, choices=["bins", "custom"])
    options = parser.parse_args()
    Worker(options.folder, options.artifacts, options.kind).run()


class Worker:
    def __init__(self, folder: Path, artifacts: Path, kind: str) -> None:
        self.folder = folder
        self.artifacts = artifacts
        self.kind = kind
        self.current: dict[str, Metadata] = {}
        for name in ("metadata", "keys"):
            (folder / name).mkdir(parents=True)
        private = Ed25519PrivateKey.generate() if kind == "bins" else generate_private_key(public_exponent=65537, key_size=2048)
        self.online = SSlibKey.from_crypto(private.public_key())
        self.online.unrecognized_fields["x-rstuf-key-name"] = "online"
        self.online.unrecognized_fields["x-rstuf-online-key-uri"] = f"fn:{self.online.keyid}"
        self.signer = CryptoSigner(private, self.online)
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        key_file = folder / "keys" / self.online.keyid
        key_file.write_bytes(pem)
        key_file.chmod(0o600)
        self.holders = [CryptoSigner.generate_ed25519(), CryptoSigner.generate_ecdsa()]
        for name, holder in zip(("JH", "JJ"), self.holders):
            holder.public_key.unrecognized_fields["x-rstuf-key-name"] = name

    def run(self) -> None:
        self.bootstrap()
        (self.folder / "first-root.json").write_bytes((self.folder / "metadata" / "1.root.json").read_bytes())
        self.publish("app/old.txt", "lib/a.txt")
        self.publish("app/older.txt")
        self.next_root()
        self.publish("app/last.txt", *[f"app/many/{n}.txt" for n in range(40)])
        self.bump()

    def bootstrap(self) -> None:
        root = Root(expires=in_days(365), consistent_snapshot=True)
        for holder in self.holders:
            root.add_key(holder.public_key, "root")
        root.roles["root"].threshold = 2
        for role in ("timestamp", "snapshot", "targets"):
            root.add_key(self.online, role)
        targets = Targets(expires=in_days(365))
        snapshot = Snapshot(expires=in_days(1), meta={"targets.json": MetaFile(version=1)})
        for name, role in self.delegate(targets).items():
            snapshot.meta[f"{name}.json"] = MetaFile(version=1)
            self.put(name, role)
        self.put("targets", targets)
        self.put("snapshot", snapshot)
        self.put("timestamp", Timestamp(expires=in_days(1), snapshot_meta=MetaFile(version=1)))
        self.put("root", root, self.holders)

    def delegate(self, targets: Targets) -> dict[str, Targets]:
        keys = {self.online.keyid: self.online}
        if self.kind == "bins":
            bins = SuccinctRoles(keyids=[self.online.keyid], threshold=1, bit_length=BITS, name_prefix="bins")
            targets.delegations = Delegations(keys=keys, succinct_roles=bins)
            return {name: Targets(expires=in_days(7)) for name in bins.get_roles()}
        roles = {
            name: DelegatedRole(name, [self.online.keyid], 1, False, paths=paths, unrecognized_fields={"x-rstuf-expire-policy": 30})
            for name, paths in {"app": ["app/*", "app/*/*"], "lib": ["lib/*"]}.items()
        }
        targets.delegations = Delegations(keys=keys, roles=roles)
        return {name: Targets(expires=in_days(30)) for name in roles}

    def publish(self, *paths: str) -> None:
        touched = {self.owner(path) for path in paths}
        for role in touched:
            for path in (each for each in paths if self.owner(each) == role):
                self.current[role].signed.targets[path] = self.artifact(path)
            self.bump_role(role)
        self.show(touched)

    def bump(self) -> None:
        delegated = {name for name in self.current if name not in ("root", "timestamp", "snapshot", "targets")}
        for role in delegated:
            self.bump_role(role)
        self.show(delegated)

    def bump_role(self, role: str) -> None:
        signed = self.current[role].signed
        signed.version += 1
        signed.expires = in_days(7)
        self.put(role, signed)

    def show(self, roles: set[str]) -> None:
        snapshot = self.current["snapshot"].signed
        for role in roles:
            snapshot.meta[f"{role}.json"] = MetaFile(version=self.current[role].signed.version)
        snapshot.version += 1
        self.put("snapshot", snapshot)
        timestamp = self.current["timestamp"].signed
        timestamp.version += 1
        timestamp.snapshot_meta = MetaFile(version=snapshot.version)
        self.put("timestamp", timestamp)

    def next_root(self) -> None:
        root = self.current["root"].signed
        third = CryptoSigner.generate_ed25519()
        third.public_key.unrecognized_fields["x-rstuf-key-name"] = "JC"
        root.add_key(third.public_key, "root")
        root.version += 1
        self.put("root", root, [*self.holders, third])

    def owner(self, path: str) -> str:
        delegations = self.current["targets"].signed.delegations
        return next(name for name, _ in delegations.get_roles_for_target(path))

    def artifact(self, path: str) -> TargetFile:
        content = f"content of {path}".encode()
        target = TargetFile.from_data(path, content, ["sha256"])
        target.unrecognized_fields["custom"] = {"made by": "worker"}
        name = Path(path)
        for file in (name, name.with_name(f"{hashlib.sha256(content).hexdigest()}.{name.name}")):
            where = self.artifacts / file
            where.parent.mkdir(parents=True, exist_ok=True)
            where.write_bytes(content)
        return target

    def put(self, name: str, signed, signers=None) -> None:
        metadata = Metadata(signed)
        for signer in signers or [self.signer]:
            metadata.sign(signer, append=True)
        self.current[name] = metadata
        file = "timestamp.json" if name == "timestamp" else f"{signed.version}.{name}.json"
        (self.folder / "metadata" / file).write_bytes(JSONSerializer().serialize(metadata))


def in_days(days: int) -> datetime:
    return (datetime.now(timezone.utc) + timedelta(days=days)).replace(microsecond=0)


if __name__ == "__main__":
    main()
