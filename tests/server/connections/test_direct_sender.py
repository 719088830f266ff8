"""Threads send large files on the connection, and the next request on it is answered as usual."""

from __future__ import annotations

import http.client
import random
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import server.connections
from hub.store.composed import Piece
from server.connections.on_h11 import H11Connection
from server.connections.on_httptools import HttptoolsConnection
from server.http.blob_response import BlobResponse
from server.http.middleware import Exchange, Observed
from tests.builders.serving import served

CONTENT = random.Random(2).randbytes(9_000_000)
SENT: list[int] = []


def record(_: object, seen: Exchange) -> None:
    SENT.append(seen.sent_bytes)


@pytest.fixture(params=[HttptoolsConnection, H11Connection])
def address(request, tmp_path, monkeypatch) -> Iterator[tuple[str, int]]:
    (tmp_path / "first").write_bytes(b"before" + CONTENT[:3_000_000] + b"after")
    (tmp_path / "second").write_bytes(CONTENT[3_000_000:])
    (tmp_path / "small").write_bytes(CONTENT[:1000])
    large = [Piece(tmp_path / "first", 6, 3_000_000), Piece(tmp_path / "second", 0, 6_000_000)]

    def send(asked: Request) -> Response:
        return BlobResponse(large if asked.url.path == "/large" else [Piece(tmp_path / "small", 0, 1000)])

    monkeypatch.setattr(server.connections, "http_protocol", lambda: request.param)
    application = Starlette(routes=[Route("/{name}", send)])
    application.add_middleware(Observed, observers=[record])
    SENT.clear()
    with served(application, force=True) as running:
        yield running.listener.getsockname()


def get(connection, path: str = "/large", method: str = "GET", **headers: str) -> tuple[int, bytes]:
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    return response.status, response.read()


def test_files_follow_each_other_on_one_connection_and_are_counted(connection):
    assert get(connection) == (200, CONTENT)
    assert get(connection, "/small") == (200, CONTENT[:1000])
    assert get(connection, method="HEAD") == (200, b"")
    assert get(connection, Range="bytes=2999990-8999998") == (206, CONTENT[2_999_990:8_999_999])
    assert get(connection, Range="bytes=5-10") == (206, CONTENT[5:11])
    assert get(connection) == (200, CONTENT)
    expected = [len(CONTENT), 1000, 0, 6_000_009, 6, len(CONTENT)]
    until = time.monotonic() + 10
    while len(SENT) < len(expected) and time.monotonic() < until:
        time.sleep(0.01)
    assert expected == SENT


def test_a_client_that_reads_slowly_gets_everything(address):
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        reader.settimeout(30)
        reader.connect(address)
        reader.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        received = bytearray()
        for pause in (0.1, 0.05, 0.02):
            time.sleep(pause)
            received += reader.recv(500_000)
        while piece := reader.recv(1 << 20):
            received += piece
    assert received.partition(b"\r\n\r\n")[2] == CONTENT


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_clients_that_leave_free_their_connections(address):
    before = open_files()
    for _ in range(5):
        with socket.create_connection(address, timeout=30) as reader:
            reader.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            assert reader.recv(1000)
    until = time.monotonic() + 20
    while open_files() > before and time.monotonic() < until:
        time.sleep(0.05)
    assert open_files() <= before


def test_more_clients_than_threads_are_served(address, monkeypatch):
    monkeypatch.setattr("server.connections.direct_sender.MAX_THREADS", 2)
    waiting = []
    for _ in range(5):  # They read nothing, and must not keep the others from reading.
        waiting.append(socket.create_connection(address, timeout=30))
        waiting[-1].sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
    with closing(http.client.HTTPConnection(*address, timeout=30)) as connection:
        assert get(connection) == (200, CONTENT)
    for each in waiting:
        each.close()
