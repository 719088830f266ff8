"""`hub serve --workers`: processes on one port, of which one may die, and which end together without cutting off an upload."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from benchmarks.serving import Serving, serving
from benchmarks.upload import ask

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at in /proc")
CONTENT = bytes(3 << 20) + b"the end"


def workers_of(server: Serving) -> set[int]:
    """Process ids of the workers; multiprocessing's own tracker is none."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    return {int(each) for each in children if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()}


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens within a minute, on a busy machine."""
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen")


def who_am_i(server: Serving) -> str:
    request = urllib.request.Request(
        f"{server.address}/api/whoami-v2", headers={"Authorization": f"Bearer {server.secret}"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["name"]


def begin_upload(server: Serving) -> socket.socket:
    """A connection on which half of an object has been sent."""
    ask(f"{server.address}/api/repos/create", server.secret, {"name": "module", "type": "model"})
    wanted = {"oid": hashlib.sha256(CONTENT).hexdigest(), "size": len(CONTENT)}
    batch = {"operation": "upload", "transfers": ["basic"], "objects": [wanted]}
    planned = ask(f"{server.address}/admin/module.git/info/lfs/objects/batch", server.secret, batch)
    link = urlsplit(planned["objects"][0]["actions"]["upload"]["href"])
    connection = socket.create_connection((link.hostname, link.port))
    head = f"PUT {link.path} HTTP/1.1\r\nHost: {link.netloc}\r\nContent-Length: {len(CONTENT)}\r\n\r\n"
    connection.sendall(head.encode() + CONTENT[: len(CONTENT) // 2])
    return connection


def test_a_dead_worker_is_replaced_all_are_renewed_on_a_hangup_and_an_upload_ends_before_they_do(tmp_path: Path):
    with serving(tmp_path, "--workers", "2") as server:
        until(lambda: len(workers_of(server)) == 2)
        assert who_am_i(server) == "admin"

        before = workers_of(server)
        os.kill(victim := min(before), signal.SIGKILL)
        until(lambda: len(workers_of(server)) == 2 and victim not in workers_of(server))
        assert who_am_i(server) == "admin"

        before = workers_of(server)
        os.kill(server.pid, signal.SIGHUP)
        until(lambda: len(workers_of(server)) == 2 and not workers_of(server) & before)
        assert who_am_i(server) == "admin"

        with begin_upload(server) as connection:
            os.kill(server.pid, signal.SIGTERM)
            until(lambda: "SIGTERM" in (tmp_path / "server.log").read_text())
            connection.sendall(CONTENT[len(CONTENT) // 2 :])
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert answer.status == 200
        until(
            lambda: (
                not Path(f"/proc/{server.pid}/stat").exists() or " Z " in Path(f"/proc/{server.pid}/stat").read_text()
            )
        )
    assert "Traceback" not in (tmp_path / "server.log").read_text()
