"""Reads every file of a metadata folder with python-tuf's own models and checks it.

Each file, old versions too: it parses, carries the version its name says, has a threshold of
its delegator's signatures, is written back by python-tuf member for member, and (but for root)
its bytes are the canonical form of what was signed, with line breaks escaped. The newest snapshot
lists every delegated role, with the length and hashes that its file has. Prints {"files": N, "faults": [...]}.
"""

import json
import re
import sys
from pathlib import Path

from securesystemslib.formats import encode_canonical
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

NAME = re.compile(r"(?:([1-9][0-9]*)\.)?([A-Za-z0-9_-]+)\.json")
TYPES = {"root": Root, "timestamp": Timestamp, "snapshot": Snapshot}


def main() -> None:
    folder = Path(sys.argv[1])
    faults: list[str] = []
    files: dict[tuple[str, int], bytes] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue  # Not published: no web server or client reads it.
        name = NAME.fullmatch(path.name)
        if name is None or (name[1] is None) != (name[2] == "timestamp"):
            faults.append(f"{path.name}: no name of a metadata file")
            continue
        files[name[2], int(name[1] or 0)] = path.read_bytes()

    root = Metadata[Root].from_bytes(files["root", newest(files, "root")])
    timestamp = Metadata[Timestamp].from_bytes(files["timestamp", 0])
    snapshot_file = files["snapshot", timestamp.signed.snapshot_meta.version]
    timestamp.signed.snapshot_meta.verify_length_and_hashes(snapshot_file)
    snapshot = Metadata[Snapshot].from_bytes(snapshot_file)
    targets = Metadata[Targets].from_bytes(files["targets", snapshot.signed.meta["targets.json"].version])

    for (role, version), content in files.items():
        for fault in check(role, version, content, root if role in (*TYPES, "targets") else targets):
            faults.append(f"{version}.{role}.json: {fault}")
    for name, meta in snapshot.signed.meta.items():
        content = files.get((name.removesuffix(".json"), meta.version))
        if content is None:
            faults.append(f"snapshot lists {name} version {meta.version}, which is not there")
        else:
            meta.verify_length_and_hashes(content)
    faults.extend(f"snapshot does not list {name}" for name in delegated(targets.signed) if f"{name}.json" not in snapshot.signed.meta)
    json.dump({"files": len(files), "faults": faults}, sys.stdout)


def newest(files: dict[tuple[str, int], bytes], role: str) -> int:
    return max(version for name, version in files if name == role)


def delegated(targets: Targets) -> list[str]:
    delegations = targets.delegations
    if delegations is None:
        return []
    if delegations.succinct_roles is not None:
        return list(delegations.succinct_roles.get_roles())
    return list(delegations.roles or {})


def check(role: str, version: int, content: bytes, delegator: Metadata) -> list[str]:
    faults = []
    try:
        metadata = Metadata.from_bytes(content)
        if not isinstance(metadata.signed, TYPES.get(role, Targets)):
            faults.append(f"is of type {metadata.signed.type}")
        if version not in (0, metadata.signed.version):
            faults.append(f"says version {metadata.signed.version}")
        if metadata.signed.is_expired():
            faults.append(f"expired at {metadata.signed.expires}")
        delegator.signed.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        document = json.loads(content)
        if metadata.to_dict() != document:
            faults.append("is not what python-tuf writes back")
        canonical = encode_canonical(document["signed"]).encode()
        if canonical != metadata.signed_bytes:
            faults.append("python-tuf signs other bytes")
        # A root is kept as its key holders sent it.
        if role != "root" and not content.endswith(b'"signed":' + canonical.replace(b"\n", b"\\n") + b"}"):
            faults.append("its bytes are not canonical")
    except Exception as error:
        faults.append(f"{type(error).__name__}: {error}")
    return faults


if __name__ == "__main__":
    main()
