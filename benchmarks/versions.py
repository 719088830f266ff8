"""Measure how much of the store two versions of a file take that were uploaded by Xet.

python -m benchmarks.versions SCRATCH [--size-mb 1000] [--changed 0.05] [--places 20]

Uploads a file of random bytes with Hugging Face's unmodified client, then the same file with some of its bytes replaced at several places,
downloads both and compares their digests. The peer would store both whole.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import tempfile
from pathlib import Path

from benchmarks.memory import fetch
from benchmarks.serving import serving
from benchmarks.upload import ask, send_by_client, write_file


def stored_mb(store: Path) -> float:
    """Return the size of all files of a folder store in MB."""
    return sum(file.stat().st_size for file in store.rglob("*") if file.is_file()) / 1e6


def change(path: Path, share: float, places: int) -> None:
    """Replace a share of a file's bytes, in runs at equal distances."""
    chance, size = random.Random(path.name), path.stat().st_size
    with path.open("r+b") as file:
        for place in range(places):
            file.seek((2 * place + 1) * size // (2 * places))
            file.write(chance.randbytes(int(share * size / places)))


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    """Upload both versions and print one JSON object."""
    reader = argparse.ArgumentParser()
    reader.add_argument("scratch", type=Path)
    reader.add_argument("--size-mb", type=int, default=1000)
    reader.add_argument("--changed", type=float, default=0.05)
    reader.add_argument("--places", type=int, default=20)
    options = reader.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=options.scratch))
    try:
        (home := scratch / "home").mkdir()
        os.environ["HF_HOME"] = str(scratch / "hf")
        with serving(home) as server:
            ask(f"{server.address}/api/repos/create", server.secret, {"name": "versions", "type": "model"})
            path, taken = scratch / "first.safetensors", [stored_mb(home / "store")]
            write_file(path, options.size_mb * 1_000_000, 1)
            for name in ("first.safetensors", "second.safetensors"):
                path = path.rename(scratch / name)
                if name.startswith("second"):
                    change(path, options.changed, options.places)
                send_by_client(server, "admin/versions", path)
                fetch(server, f"admin/versions/resolve/main/{name}", digest(path))
                taken.append(stored_mb(home / "store"))
    finally:
        shutil.rmtree(scratch)
    report = {
        "claim": "two files of 1 GB that differ in 5 % take at most 1.1 GB of the store",
        "size_mb": options.size_mb,
        "changed": options.changed,
        "places": options.places,
        "store_mb": round(taken[2] - taken[0], 1),
        "ratio": round((taken[2] - taken[0]) / options.size_mb, 4),
        "added_by_the_second_mb": round(taken[2] - taken[1], 1),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
