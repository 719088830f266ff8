"""Measure downloads against nginx: the same file from the same disk, in turn, and through nginx in front of the server.

python -m benchmarks.download SCRATCH [--size-mb 1000] [--rounds 5]

The client reads into one buffer and ignores the content. nginx is configured with `sendfile` and without a log.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.memory import commit
from benchmarks.serving import serving
from benchmarks.upload import ask, send_by_lfs, write_file

CONFIGURATION = """
daemon off; {user} pid {folder}/pid; error_log stderr; events {{ }}
http {{
    access_log off; sendfile on; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
    fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{
        listen 127.0.0.1:{port};
        location /files/ {{ alias {blobs}/; }}
        location /-/blobs/ {{ internal; alias {blobs}/; }}
        {more}
        location / {{ proxy_pass {server}; proxy_buffering off; }}
    }}
}}
"""


@contextmanager
def nginx(server: str, blobs: Path, more: str = "") -> Iterator[str]:
    """Yield the address of an nginx that serves a folder below /files/, what the blocks `more` say, and forwards everything else."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    assert program is not None, "nginx is not installed: apt-get install nginx-light"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        user = "user root;" if os.geteuid() == 0 else ""
        text = CONFIGURATION.format(user=user, folder=folder, port=port, blobs=blobs, server=server, more=more)
        configuration = Path(folder, "nginx.conf")
        configuration.write_text(text)
        with subprocess.Popen([program, "-e", "stderr", "-c", str(configuration)]) as running:
            time.sleep(1)
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                running.terminate()


def read_all(address: str, size_bytes: int) -> None:
    """Send a GET request and discard the body."""
    parts, buffer = urlsplit(address), bytearray(1 << 20)
    with socket.create_connection((parts.hostname or "", parts.port or 80)) as connection:
        connection.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
        received = 0
        while count := connection.recv_into(buffer):
            received += count
    assert received > size_bytes, f"{received} bytes came"


def seconds(call: Callable[[], None]) -> float:
    """Return the wall-clock time of `call` in seconds."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main() -> None:
    """Measure in turn and print one JSON object."""
    reader = argparse.ArgumentParser()
    reader.add_argument("scratch", type=Path)
    reader.add_argument("--size-mb", type=int, default=1000)
    reader.add_argument("--rounds", type=int, default=5)
    options = reader.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    scratch, size = Path(tempfile.mkdtemp(dir=options.scratch)), options.size_mb * 1_000_000
    took: dict[str, list[float]] = {"nginx": [], "server": [], "server and nginx": []}
    busy: list[float] = []
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, scratch)
        (home := scratch / "home").mkdir()
        plain = stack.enter_context(serving(home))
        oid = write_file(path := scratch / "file", size, 1)
        ask(f"{plain.address}/api/repos/create", plain.secret, {"name": "speed", "type": "model"})
        send_by_lfs(plain, "admin/speed", path, oid)
        path.unlink()
        commit(plain, "admin/speed", "file.safetensors", oid, size)
        offloading = stack.enter_context(serving(home, HUB_ACCEL="/-/blobs/"))
        address = stack.enter_context(nginx(offloading.address, home / "store" / "blobs"))
        file = "admin/speed/resolve/main/file.safetensors"
        ways = {
            "nginx": f"{address}/files/{oid[:2]}/{oid}",
            "server": f"{plain.address}/{file}",
            "server and nginx": f"{address}/{file}",
        }
        for _ in range(options.rounds + 1):  # The first of each is a warm-up.
            for way, where in ways.items():
                before = plain.processor_s()
                took[way].append(seconds(lambda where=where: read_all(where, size)))
                busy += [plain.processor_s() - before] if way == "server" else []
    medians = {way: statistics.median(each[1:]) for way, each in took.items()}
    report = {
        "claim": "a download reaches at least 0.9 of nginx's speed",
        "size_mb": options.size_mb,
        "gb_per_s": {way: round(size / 1e9 / median, 3) for way, median in medians.items()},
        "peer_is": "nginx sending the same file",
        "ratio": {way: round(medians["nginx"] / median, 3) for way, median in medians.items()},
        "server_processor_s": round(statistics.median(busy), 3),
        "machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
