"""Measure a server's memory while a large file is uploaded, by Git LFS and by Xet, and downloaded, against a small file.

python -m benchmarks.memory SCRATCH [--size-mb 5000]

SCRATCH needs four times the size of the file: the file, its xorbs, and the server's copies of both.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import tempfile
import urllib.request
from pathlib import Path

from benchmarks.serving import Serving, serving
from benchmarks.upload import ask, measure, send_by_lfs, send_by_xet
from benchmarks.xorbs import CHUNK, pack

SMALL_BYTES = 20_000_000


def write_sparse_file(path: Path, size_bytes: int) -> str:
    """Write a file quickly, with a distinct stamp and zeros in each chunk, and return its SHA-256."""
    with path.open("wb") as file:
        file.truncate(size_bytes)
        for place in range(0, size_bytes - 8, CHUNK):
            os.pwrite(file.fileno(), (size_bytes + place).to_bytes(8, "little"), place)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def transfer(server: Serving, scratch: Path, size_bytes: int) -> dict[str, dict[str, float]]:
    """Measure three transfers of a file: upload by Git LFS, upload by Xet, and download."""
    path = scratch / "weights.bin"
    oid = write_sparse_file(path, size_bytes)
    took = {"up by lfs": measure(server, lambda: send_by_lfs(server, "admin/memory", path, oid))}
    oid = write_sparse_file(path, size_bytes + 8)
    shipment = pack(path, scratch / "xorbs")
    path.unlink()
    took["up by xet"] = measure(server, lambda: send_by_xet(server, "admin/memory", shipment))
    shutil.rmtree(scratch / "xorbs")
    name = f"{size_bytes}.txt"
    commit(server, "admin/memory", name, oid, size_bytes + 8)
    took["down"] = measure(server, lambda: fetch(server, f"admin/memory/resolve/main/{name}", oid))
    return took


def commit(server: Serving, repository: str, path: str, oid: str, size_bytes: int) -> None:
    """Commit uploaded bytes."""
    lines = (
        {"key": "header", "value": {"summary": f"Add {path}"}},
        {"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": oid, "size": size_bytes}},
    )
    body = b"\n".join(json.dumps(line).encode() for line in lines)
    ask(f"{server.address}/api/models/{repository}/commit/main", server.secret, raw=body)


def fetch(server: Serving, path: str, oid: str) -> None:
    """Download a file and check its digest."""
    hashed, buffer = hashlib.sha256(), bytearray(1 << 20)
    request = urllib.request.Request(f"{server.address}/{path}", headers={"Authorization": f"Bearer {server.secret}"})
    with urllib.request.urlopen(request) as answer:
        while count := answer.readinto(buffer):
            hashed.update(memoryview(buffer)[:count])
    assert hashed.hexdigest() == oid


def main() -> None:
    """Transfer a small file, then a large one, and print one JSON object."""
    reader = argparse.ArgumentParser()
    reader.add_argument("scratch", type=Path)
    reader.add_argument("--size-mb", type=int, default=5000)
    options = reader.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=options.scratch))
    try:
        (home := scratch / "home").mkdir()
        with serving(home) as server:
            ask(f"{server.address}/api/repos/create", server.secret, {"name": "memory", "type": "model"})
            idle = server.memory_mb()
            small = transfer(server, scratch, SMALL_BYTES)
            large = transfer(server, scratch, options.size_mb * 1_000_000)
    finally:
        shutil.rmtree(scratch)
    report = {
        "claim": "a server's memory stays flat while a file of 5 GB is uploaded and downloaded",
        "size_mb": options.size_mb,
        "idle_mb": round(idle),
        "peer_is": f"the same with {SMALL_BYTES // 1_000_000} MB",
        **{way: {name: round(value, 1) for name, value in took.items()} for way, took in large.items()},
        "peer": {way: round(took["memory_mb"]) for way, took in small.items()},
        "ratio": round(max(each["memory_mb"] for each in large.values()) / max(each["memory_mb"] for each in small.values()), 3),
        "machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
    }  # fmt: skip
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
