"""`hub serve --workers`: several processes on one port, replaced when they die and stopped without interrupting uploads."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from benchmarks.serving import Serving, serving
from benchmarks.upload import ask

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are read from /proc")
CONTENT = bytes(3 << 20) + b"the end"


def workers_of(server: Serving) -> set[int]:
    """Return the process ids of the workers, without the resource tracker of multiprocessing."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    return {int(each) for each in children if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()}


def until(condition: Callable[[], bool]) -> None:
    """Wait up to three minutes for a condition, for busy machines."""
    for _ in range(1800):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("the condition did not become true")


def who_am_i(server: Serving) -> str:
    request = urllib.request.Request(
        f"{server.address}/api/whoami-v2", headers={"Authorization": f"Bearer {server.secret}"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)["name"]


def begin_upload(server: Serving) -> socket.socket:
    """Return a connection on which half of an object was sent."""
    ask(f"{server.address}/api/repos/create", server.secret, {"name": "module", "type": "model"})
    wanted = {"oid": hashlib.sha256(CONTENT).hexdigest(), "size": len(CONTENT)}
    batch = {"operation": "upload", "transfers": ["basic"], "objects": [wanted]}
    planned = ask(f"{server.address}/admin/module.git/info/lfs/objects/batch", server.secret, batch)
    link = urlsplit(planned["objects"][0]["actions"]["upload"]["href"])
    connection = socket.create_connection((link.hostname, link.port))
    head = f"PUT {link.path} HTTP/1.1\r\nHost: {link.netloc}\r\nContent-Length: {len(CONTENT)}\r\n\r\n"
    connection.sendall(head.encode() + CONTENT[: len(CONTENT) // 2])
    return connection


@contextmanager
def asking(server: Serving) -> Iterator[list[str]]:
    """Send requests until the end of the block, on new connections and on one that stays open. Yield statuses and errors."""
    answers: list[str] = []
    is_ended = threading.Event()

    def ask_on(*, is_kept: bool) -> None:
        limits = httpx.Limits(max_keepalive_connections=1 if is_kept else 0)
        # As most clients, httpx looks whether a connection that was kept has been closed before it sends a request.
        with httpx.Client(base_url=server.address, timeout=60, limits=limits, trust_env=False) as client:
            while not is_ended.is_set():
                try:
                    answers.append(str(client.get("/api/v1/health/live").status_code))
                except httpx.HTTPError as error:
                    answers.append(f"{error!r} on {'a kept' if is_kept else 'a new'} connection")
                time.sleep(0.1)

    threads = [threading.Thread(target=ask_on, kwargs={"is_kept": each}) for each in (True, False)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        is_ended.set()
        for thread in threads:
            thread.join(60)


def test_dead_workers_are_replaced_sighup_replaces_all_and_a_running_upload_finishes_before_shutdown(tmp_path: Path):
    with serving(tmp_path, "--workers", "2") as server:
        until(lambda: len(workers_of(server)) == 2)
        assert who_am_i(server) == "admin"

        before = workers_of(server)
        os.kill(victim := min(before), signal.SIGKILL)
        until(lambda: len(workers_of(server)) == 2 and victim not in workers_of(server))
        assert who_am_i(server) == "admin"

        before = workers_of(server)
        with asking(server) as answers:
            os.kill(server.pid, signal.SIGHUP)
            until(lambda: len(workers_of(server)) == 2 and not workers_of(server) & before)
        assert len(answers) > 10
        assert set(answers) == {"200"}, "no request fails while the workers are replaced"
        assert who_am_i(server) == "admin"

        with begin_upload(server) as connection:
            os.kill(server.pid, signal.SIGTERM)
            until(lambda: "SIGTERM" in (tmp_path / "server.log").read_text())
            connection.sendall(CONTENT[len(CONTENT) // 2 :])
            response = http.client.HTTPResponse(connection)
            response.begin()
            assert response.status == 200
        until(
            lambda: (
                not Path(f"/proc/{server.pid}/stat").exists() or " Z " in Path(f"/proc/{server.pid}/stat").read_text()
            )
        )
    assert "Traceback" not in (tmp_path / "server.log").read_text()
