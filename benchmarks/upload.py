"""Measure uploads against SHA-256 alone, the one step that a server cannot skip.

python -m benchmarks.upload SCRATCH [--size-mb 1000] [--rounds 3]

The peer drops a file's pages from the cache, reads the file from disk and hashes it. Ours uploads the same file on one connection: by
LFS in one piece, and by Xet in xorbs and one shard, prepared beforehand; then with Hugging Face's unmodified client, including its own
cost. Reports the median wall-clock time, the server's processor time next to that of SHA-256, and the server's peak memory. Of processor
time, it compares the least of all rounds: other work of the machine, and the first use of a virtual machine's memory, only add to it.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import random
import shutil
import socket
import statistics
import struct
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.serving import Serving, serving
from benchmarks.xorbs import Shipment, pack

_STEP = 1 << 20
_HEADER_BYTES = 1024


def drop_pages(path: Path) -> None:
    """Drop a file from the page cache, so that the next read comes from the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def write_file(path: Path, size_bytes: int, seed: int) -> str:
    """Write new, incompressible weights and return the SHA-256 of the file."""
    hashed, chance = hashlib.sha256(), random.Random(seed)
    left = size_bytes - _HEADER_BYTES
    header = {"weight": {"dtype": "U8", "shape": [left], "data_offsets": [0, left]}}
    piece = struct.pack("<Q", _HEADER_BYTES - 8) + json.dumps(header).encode().ljust(_HEADER_BYTES - 8)
    with path.open("wb") as file:
        while piece:
            hashed.update(piece)
            file.write(piece)
            piece = chance.randbytes(min(_STEP, left))
            left -= len(piece)
    return hashed.hexdigest()


def hash_from_disk(path: Path) -> tuple[float, float]:
    """Return seconds of wall-clock and of processor time."""
    drop_pages(path)
    began, busy = time.perf_counter(), time.process_time()
    with path.open("rb", buffering=0) as file:
        hashlib.file_digest(file, "sha256")
    return time.perf_counter() - began, time.process_time() - busy


def send_file(method: str, address: str, path: Path, secret: str = "") -> None:
    """Send a file with sendfile, which costs the client almost nothing."""
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname or "", parts.port or 80)) as connection, path.open("rb") as file:
        head = {"Host": parts.netloc, "Content-Length": path.stat().st_size, "Authorization": f"Bearer {secret}"}
        lines = [
            f"{method} {parts.path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in head.items() if value != "Bearer "),
        ]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        connection.sendfile(file)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 200, answer.read()


def ask(address: str, secret: str, body: Any = None, *, raw: bytes | None = None) -> Any:
    """Send a POST request with a token; GET without a body."""
    content = raw if raw is not None else None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(address, content, headers)) as answer:
        return json.loads(answer.read() or b"null")


def send_by_lfs(server: Serving, repository: str, path: Path, oid: str) -> None:
    """Request an upload URL and send the file."""
    batch = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": oid, "size": path.stat().st_size}]}
    planned = ask(f"{server.address}/{repository}.git/info/lfs/objects/batch", server.secret, batch)
    send_file("PUT", planned["objects"][0]["actions"]["upload"]["href"], path)


def send_by_xet(server: Serving, repository: str, shipment: Shipment) -> None:
    """Send the xorbs in order, then the shard."""
    granted = ask(f"{server.address}/api/models/{repository}/xet-write-token/main", server.secret)
    for path in shipment.xorbs:
        send_file("POST", f"{granted['casUrl']}/v1/xorbs/default/{path.name}", path, granted["accessToken"])
    ask(f"{granted['casUrl']}/v1/shards", granted["accessToken"], raw=shipment.shard)


def send_by_client(server: Serving, repository: str, path: Path) -> None:
    """`HfApi.upload_file`, which chunks, hashes, sends by Xet and commits."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    HfApi(endpoint=server.address, token=server.secret).upload_file(
        path_or_fileobj=path, path_in_repo=path.name, repo_id=repository
    )


def measure(server: Serving, call: Callable[[], None]) -> dict[str, float]:
    """Return the wall-clock time, the server's processor time, and its peak memory beyond the start."""
    server.reset_peak()
    had, began, busy = server.memory_mb(), time.perf_counter(), server.processor_s()
    call()
    seconds = time.perf_counter() - began
    return {
        "s": seconds,
        "server_s": server.processor_s() - busy,
        "memory_mb": server.memory_mb(peak=True),
        "grew_mb": server.memory_mb(peak=True) - had,
    }


def rounds(server: Serving, scratch: Path, size_bytes: int, count: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield the measurements of each method in turn, each time with new bytes."""
    ask(f"{server.address}/api/repos/create", server.secret, {"name": "speed", "type": "model"})
    for number in range(count):
        path, client = scratch / f"{number}.safetensors", scratch / f"{number}-client.safetensors"
        for name in ("lfs", "xet") if number % 2 else ("xet", "lfs"):  # The first to use free memory is slower.
            oid = write_file(path, size_bytes, 3 * number + (name == "xet"))
            if name == "lfs":
                yield "sha256", dict(zip(("s", "server_s"), hash_from_disk(path), strict=True))
                drop_pages(path)
                yield name, measure(server, lambda path=path, oid=oid: send_by_lfs(server, "admin/speed", path, oid))
            else:
                shipment = pack(path, scratch / "xorbs")
                yield name, measure(server, lambda shipment=shipment: send_by_xet(server, "admin/speed", shipment))
                shutil.rmtree(scratch / "xorbs")
        path.unlink()
        write_file(client, size_bytes, 3 * number + 2)
        yield "client", measure(server, lambda client=client: send_by_client(server, "admin/speed", client))
        client.unlink()


def main() -> None:
    """Measure in turn and print one JSON object."""
    reader = argparse.ArgumentParser()
    reader.add_argument("scratch", type=Path)
    reader.add_argument("--size-mb", type=int, default=1000)
    reader.add_argument("--rounds", type=int, default=3)
    options = reader.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=options.scratch))
    try:
        home = scratch / "home"
        home.mkdir()
        os.environ["HF_HOME"] = str(scratch / "hf")
        with serving(home) as server:
            found = dict[str, list[dict[str, float]]]()
            for name, took in rounds(server, scratch, options.size_mb * 1_000_000, options.rounds):
                found.setdefault(name, []).append(took)
    finally:
        shutil.rmtree(scratch)
    medians = {
        name: {key: round(statistics.median(each[key] for each in took), 3) for key in took[0]}
        for name, took in found.items()
    }
    for name, took in medians.items():
        took["least_server_s"] = round(min(each["server_s"] for each in found[name]), 3)
    for took in medians.values():
        took["ratio"] = round(medians["sha256"]["s"] / took["s"], 3)
        took["processor_ratio"] = round(medians["sha256"]["server_s"] / took["server_s"], 3)
        took["least_processor_ratio"] = round(medians["sha256"]["least_server_s"] / took["least_server_s"], 3)
    report = {
        "claim": "an upload reaches at least half the speed of SHA-256 from disk",
        "size_mb": options.size_mb,
        **medians,
        "machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
