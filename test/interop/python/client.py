"""python-tuf as a program: refreshes, looks up and downloads, and prints what came of it.

    client.py --metadata URL --artifacts URL --root FILE --cache DIR [--plain-names] PATH...

The report (one JSON object on stdout) is the one that all client programs here print; see
clients.ts. A cache that holds a trusted root already is used as it is: a returning client.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

from tuf.ngclient import Updater, UpdaterConfig


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--metadata", required=True)
    parser.add_argument("--artifacts", required=True)
    parser.add_argument("--root", required=True, type=Path)
    parser.add_argument("--cache", required=True, type=Path)
    parser.add_argument("--plain-names", action="store_true")
    parser.add_argument("paths", nargs="*")
    options = parser.parse_args()
    json.dump(run(options), sys.stdout)


def run(options: argparse.Namespace) -> dict:
    metadata = options.cache / "metadata"
    downloads = options.cache / "downloads"
    metadata.mkdir(parents=True, exist_ok=True)
    downloads.mkdir(parents=True, exist_ok=True)
    returning = (metadata / "root.json").exists()
    report: dict = {"returning": returning, "versions": {}, "targets": {}}
    try:
        updater = Updater(
            metadata_dir=str(metadata),
            metadata_base_url=options.metadata,
            target_dir=str(downloads),
            target_base_url=options.artifacts,
            config=UpdaterConfig(prefix_targets_with_hash=not options.plain_names),
            bootstrap=None if returning else options.root.read_bytes(),
        )
        updater.refresh()
    except Exception as error:
        return {**report, "error": reason(error)}
    for role in ("root", "timestamp", "snapshot", "targets"):
        signed = json.loads((metadata / f"{role}.json").read_bytes())["signed"]
        report["versions"][role] = signed["version"]
    for path in options.paths:
        report["targets"][path] = fetch(updater, path)
    return report


def fetch(updater: Updater, path: str) -> dict:
    try:
        target = updater.get_targetinfo(path)
        if target is None:
            return {"state": "not-found"}
        content = Path(updater.download_target(target)).read_bytes()
    except Exception as error:
        return {"state": "refused", "reason": reason(error)}
    return {"state": "downloaded", "sha256": hashlib.sha256(content).hexdigest()}


def reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main()
