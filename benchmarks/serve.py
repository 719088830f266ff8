"""A server over a registry of any size: how it starts, what it takes, and how many requests one worker answers.

python -m benchmarks.serve [FOLDER]      FOLDER as `benchmarks.search` has built it; an empty registry without it

`wrk` asks on 32 connections. The peer is the same uvicorn with an application that sends the same bytes, prepared beforehand: what
HTTP itself costs here. Each address is also asked by one client that waits for each answer.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.serving import Serving, serving

SEARCH = "/api/v1/search?limit=20"
ADDRESSES = (
    SEARCH,
    "/api/v1/search?lang=yo&limit=20",
    "/api/v1/search?lang=en&base=sdxl&kind=adapter&license=MIT",
    "/api/v1/search?q=prompts&lang=hi",
    "/api/v1/search?lang=hi&offset=980",
    "/api/v1/search?lang=yo&metric=r_precision_at_1&min=0.5&sort=metric",
    "/api/v1/search?base=sana&metric=r_precision_at_1&split=seen",
    "/api/models?limit=20",
    "/api/models?filter=yo&filter=mulan&limit=20",
    "/api/models?search=sdxl-yo-1&limit=20",
    "/api/v1/leaderboard?benchmark=emoji-generation&metric=r_precision_at_1&limit=20",
    "/",
    "/?lang=yo",
)
PREPARED = """
import socket, sys, uvicorn
from starlette.responses import Response
body = sys.stdin.buffer.read()
async def app(scope, receive, send):
    await Response(body, media_type="application/json")(scope, receive, send)
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # Without Nagle's delay, as ours.
listener.bind(("127.0.0.1", 0))
listener.listen(64)
print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="error", lifespan="off")).run(sockets=[listener])
"""


@contextmanager
def prepared(body: bytes) -> Iterator[str]:
    """The address of a server that answers everything with `body`."""
    with subprocess.Popen([sys.executable, "-c", PREPARED], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(body)
        running.stdin.close()
        try:
            yield running.stdout.readline().decode().strip()
        finally:
            running.terminate()


def per_second(address: str, seconds: int = 5) -> float:
    """Requests that 32 connections get answered."""
    command = ["wrk", "-t", "1", "-c", "32", "-d", f"{seconds}s", address]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found is not None, said
    assert "Non-2xx" not in said, said
    return float(found[1])


def one_by_one(server: Serving, path: str, count: int) -> dict[str, float]:
    """Milliseconds of a client that waits, and of the server's processor for each request."""
    parts, times = urlsplit(server.address), list[float]()
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    busy = 0.0
    for number in range(count + 3):  # The first ones fill the database's memory.
        if number == 3:
            busy = server.processor_s()
        began = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, path
        times += [(time.perf_counter() - began) * 1e3] if number >= 3 else []
    busy = server.processor_s() - busy
    times.sort()
    return {
        "p50_ms": round(times[len(times) // 2], 1),
        "p99_ms": round(times[int(len(times) * 0.99)], 1),
        "processor_ms": round(busy / count * 1e3, 1),
    }


def get(address: str) -> bytes:
    """The body of an answer."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    connection.request("GET", f"{parts.path}?{parts.query}")
    return connection.getresponse().read()


def main() -> None:
    """Measure and print one JSON object."""
    reader = argparse.ArgumentParser()
    reader.add_argument("folder", type=Path, nargs="?")
    reader.add_argument("--requests", type=int, default=100)
    wanted = reader.parse_args()
    home = wanted.folder or Path(tempfile.mkdtemp())
    try:
        with serving(home):
            pass  # The first start makes tables and the first administrator.
        began = time.perf_counter()
        with serving(home) as server:
            body = get(server.address + SEARCH)
            started_s, processor_s, memory_mb = time.perf_counter() - began, server.processor_s(), server.memory_mb()
            asked = {path: one_by_one(server, path, wanted.requests) for path in ADDRESSES}
            with prepared(body) as peer:
                rates = [(per_second(server.address + SEARCH), per_second(peer)) for _ in range(3)]
    finally:
        if wanted.folder is None:
            shutil.rmtree(home)
    ours, theirs = (sorted(each)[1] for each in zip(*rates, strict=True))
    report = {
        "claim": "a server starts within 1.5 s and 150 MB, and one worker answers 500 searches of 20 rows a second",
        "started_s": round(started_s, 2),
        "started_processor_s": round(processor_s, 2),
        "memory_mb": round(memory_mb),
        "per_second": round(ours),
        "peer_is": "the same bytes, prepared, from the same uvicorn",
        "peer": round(theirs),
        "ratio": round(ours / theirs, 3),
        "one_by_one": asked,
        "machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
