"""Clients that are slow or disconnect do not block others and leave no partial files."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from hub.local import LocalHub
from hub.names import Digest
from hub.registry.accounts.permissions import Actor
from tests.builders.serving import serving

CONTENT = bytes(range(256)) * 4096
SLOW = 60
"""Idle connections: more than the server's 40 threads for synchronous work."""


@pytest.fixture
def endpoint(hub: LocalHub) -> Iterator[str]:
    hub.accounts.add("ada", Actor("root"))
    with serving(hub) as address:
        yield address


@pytest.fixture
def link(hub: LocalHub, endpoint: str) -> Iterator[Callable[[bytes], str]]:
    """Return a function that gets the upload URL of a large file."""
    token = hub.tokens.create(hub.accounts.get("ada"), "write", Actor("root"))
    client = httpx.Client(base_url=endpoint, headers={"Authorization": f"Bearer {token}"})
    client.post("/api/repos/create", json={"name": "module", "organization": "ada"}).raise_for_status()

    def link(content: bytes) -> str:
        wanted = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content)}
        body = {"operation": "upload", "transfers": ["basic"], "objects": [wanted]}
        answer = client.post("/ada/module.git/info/lfs/objects/batch", json=body).raise_for_status().json()
        return answer["objects"][0]["actions"]["upload"]["href"]

    with contextlib.closing(client):
        yield link


def begin(endpoint: str, address: str, content: bytes, send: int) -> socket.socket:
    """Open a connection that announces all of `content` and sends its first `send` bytes."""
    parts = urlsplit(endpoint)
    connection = socket.create_connection((parts.hostname, parts.port))
    head = f"PUT {urlsplit(address).path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(content)}\r\n\r\n"
    connection.sendall(head.encode() + content[:send])
    return connection


def eventually(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def test_an_upload_that_is_cut_off_leaves_nothing_behind_and_can_be_repeated(hub, endpoint, link):
    address = link(CONTENT)
    for sent in (0, 1, len(CONTENT) // 2, len(CONTENT) - 1):
        begin(endpoint, address, CONTENT, sent).close()
    assert eventually(lambda: hub.store.unfinished() == [])
    assert Digest(hashlib.sha256(CONTENT).hexdigest()) not in hub.store
    assert httpx.put(address, content=CONTENT).status_code == 200
    assert Digest(hashlib.sha256(CONTENT).hexdigest()) in hub.store


def test_many_idle_uploads_do_not_keep_others_from_reading(hub, endpoint, link):
    address = link(CONTENT)
    with contextlib.ExitStack() as slow:
        for _ in range(SLOW):
            slow.enter_context(begin(endpoint, address, CONTENT, 1000))
        time.sleep(0.5)  # Give the server time to accept all of them.
        assert httpx.get(f"{endpoint}/api/v1/search", timeout=20).status_code == 200
        assert httpx.get(f"{endpoint}/api/models/ada/module", timeout=20).status_code == 200
    assert eventually(lambda: hub.store.unfinished() == [])


def test_an_upload_that_stalls_is_closed(hub, endpoint, link, monkeypatch):
    monkeypatch.setattr("server.http.request_bodies.IDLE_TIMEOUT_S", 0.2)
    with begin(endpoint, link(CONTENT), CONTENT, 1000) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 408 ")
    assert eventually(lambda: hub.store.unfinished() == [])


def test_a_client_that_disconnects_during_a_download_leaves_no_thread_behind(hub, endpoint, link):
    httpx.put(link(CONTENT), content=CONTENT).raise_for_status()
    line = '{"key": "header", "value": {"summary": "Add"}}\n{"key": "lfsFile", "value": {"path": "a.bin.txt", "oid": "%s", "size": %d}}'
    token = hub.tokens.create(hub.accounts.get("ada"), "write", Actor("root"))
    httpx.post(
        f"{endpoint}/api/models/ada/module/commit/main",
        content=line % (hashlib.sha256(CONTENT).hexdigest(), len(CONTENT)),
        headers={"Authorization": f"Bearer {token}"},
    ).raise_for_status()
    before = threading.active_count()
    for _ in range(20):
        with httpx.stream("GET", f"{endpoint}/ada/module/resolve/main/a.bin.txt") as answer:
            assert answer.status_code == 200
            next(answer.iter_raw(1000))
    assert httpx.get(f"{endpoint}/ada/module/resolve/main/a.bin.txt").content == CONTENT
    assert threading.active_count() <= before + 45, "no thread waits for disconnected clients"


def test_the_log_contains_no_upload_link(hub, endpoint, link, caplog):
    address = link(CONTENT)
    with caplog.at_level("INFO", logger="server.access"):
        httpx.put(address, content=CONTENT).raise_for_status()
        assert eventually(lambda: "PUT /lfs/objects/… 200" in caplog.text)
    assert address.rpartition("/")[2] not in caplog.text
