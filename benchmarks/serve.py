"""Measure a server on a registry of any size: startup, memory, and requests per second of one worker.

python -m benchmarks.serve [FOLDER]      FOLDER from `benchmarks.search`; an empty registry without it

`wrk` sends requests on 32 connections. The peer is the same uvicorn with an application that sends the same bytes, prepared
beforehand, which shows the cost of HTTP itself. Each URL is also requested by one client that waits for each response.
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
    "/api/v1/search?lang=yo&metric=r_precision_at_1&benchmark=emoji-generation&min=0.5&sort=metric",
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
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # Without Nagle's delay, like our server.
listener.bind(("127.0.0.1", 0))
listener.listen(64)
print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="error", lifespan="off")).run(sockets=[listener])
"""


@contextmanager
def serve_prepared(body: bytes) -> Iterator[str]:
    """Yield the address of a server that returns `body` for every request."""
    with subprocess.Popen([sys.executable, "-c", PREPARED], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(body)
        running.stdin.close()
        try:
            yield running.stdout.readline().decode().strip()
        finally:
            running.terminate()


def requests_per_second(address: str, seconds: int = 5) -> float:
    """Return the requests per second on 32 connections."""
    command = ["wrk", "-t", "1", "-c", "32", "-d", f"{seconds}s", address]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found is not None, said
    assert "Non-2xx" not in said, said
    return float(found[1])


def measure_sequential(server: Serving, path: str, count: int) -> dict[str, float]:
    """Return milliseconds per request of a sequential client, and of the server's processor time."""
    parts, times = urlsplit(server.address), list[float]()
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    busy = 0.0
    for number in range(count + 3):  # The first requests fill the database's cache.
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
    """Return the body of a response."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    connection.request("GET", f"{parts.path}?{parts.query}")
    return connection.getresponse().read()


def main() -> None:
    """Measure and print one JSON object."""
    reader = argparse.ArgumentParser()
    reader.add_argument("folder", type=Path, nargs="?")
    reader.add_argument("--requests", type=int, default=100)
    options = reader.parse_args()
    home = options.folder or Path(tempfile.mkdtemp())
    try:
        with serving(home):
            pass  # The first start creates the tables and the first administrator.
        began = time.perf_counter()
        with serving(home) as server:
            body = get(server.address + SEARCH)
            started_s, processor_s, memory_mb = time.perf_counter() - began, server.processor_s(), server.memory_mb()
            requested = {path: measure_sequential(server, path, options.requests) for path in ADDRESSES}
            with serve_prepared(body) as peer:
                rates = [(requests_per_second(server.address + SEARCH), requests_per_second(peer)) for _ in range(3)]
    finally:
        if options.folder is None:
            shutil.rmtree(home)
    ours, theirs = (sorted(each)[1] for each in zip(*rates, strict=True))
    report = {
        "claim": "a server starts within 1.5 s and 150 MB, and one worker serves 500 searches of 20 rows per second",
        "started_s": round(started_s, 2),
        "started_processor_s": round(processor_s, 2),
        "memory_mb": round(memory_mb),
        "per_second": round(ours),
        "peer_is": "the same bytes, prepared, from the same uvicorn",
        "peer": round(theirs),
        "ratio": round(ours / theirs, 3),
        "one_by_one": requested,
        "machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
