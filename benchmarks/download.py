"""Measure downloads against nginx: the same file from the same disk, in turn, and through nginx in front of the server.

"xorbs" is a file of the same size that was uploaded by Xet, so that its bytes are ranges of xorbs.

python -m benchmarks.download SCRATCH [--size-mb 1000] [--rounds 5]

The client reads into one buffer and ignores the content. nginx is configured with `sendfile` and without a log. Ratios of processor time
compare nginx with the process that sends the file; they do not depend on other work of the machine as much as speeds.
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
from benchmarks.serving import Serving, serving
from benchmarks.upload import ask, send_by_lfs, send_by_xet, write_file
from benchmarks.xorbs import pack

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
def nginx(server: str, blobs: Path, more: str = "") -> Iterator[Serving]:
    """Start an nginx that serves a folder below /files/, what the blocks `more` say, and forwards everything else."""
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
                yield Serving(f"http://127.0.0.1:{port}", "", running.pid)
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
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, scratch)
        (home := scratch / "home").mkdir()
        plain = stack.enter_context(serving(home))
        ask(f"{plain.address}/api/repos/create", plain.secret, {"name": "speed", "type": "model"})
        oid = write_file(path := scratch / "file", size, 1)
        send_by_lfs(plain, "admin/speed", path, oid)
        commit(plain, "admin/speed", "file.safetensors", oid, size)
        composed = write_file(path, size, 2)
        send_by_xet(plain, "admin/speed", pack(path, scratch / "xorbs"))
        commit(plain, "admin/speed", "composed.safetensors", composed, size)
        path.unlink()
        shutil.rmtree(scratch / "xorbs")
        offloading = stack.enter_context(serving(home, HUB_ACCEL="/-/blobs/"))
        front = stack.enter_context(nginx(offloading.address, home / "store" / "blobs"))
        files = "admin/speed/resolve/main"
        ways = {
            "nginx": (front, f"{front.address}/files/{oid[:2]}/{oid}"),
            "server": (plain, f"{plain.address}/{files}/file.safetensors"),
            "xorbs": (plain, f"{plain.address}/{files}/composed.safetensors"),
            "server and nginx": (front, f"{front.address}/{files}/file.safetensors"),
        }
        took: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(options.rounds + 1):  # The first of each is a warm-up.
            for way, (sender, address) in ways.items():
                before = sender.processor_s()
                wall = seconds(lambda address=address: read_all(address, size))
                took[way].append((wall, sender.processor_s() - before))
    walls, busy = (
        {way: statistics.median(pair[kind] for pair in each[1:]) for way, each in took.items()} for kind in (0, 1)
    )
    report = {
        "claim": "a download reaches at least 0.9 of nginx's speed",
        "size_mb": options.size_mb,
        "gb_per_s": {way: round(size / 1e9 / wall, 3) for way, wall in walls.items()},
        "peer_is": "nginx sending the same file",
        "ratio": {way: round(walls["nginx"] / wall, 3) for way, wall in walls.items()},
        "processor_s": {way: round(each, 3) for way, each in busy.items()},
        "processor_ratio": {way: round(busy["nginx"] / max(each, 0.01), 3) for way, each in busy.items()},
        "machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
