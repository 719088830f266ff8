"""Threads receive long bodies from the connection, and the next request on it is read as usual."""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import server.connections
from hub.errors import ClientTimeout
from server.connections.on_h11 import H11Connection
from server.connections.on_httptools import HttptoolsConnection
from server.http.request_bodies import BodyReader, read_in_thread
from tests.builders.serving import served

LONG = random.Random(1).randbytes(3_000_000)
SHORT = LONG[:1000]


async def receive(request: Request) -> Response:
    """Return the digest of the body, or refuse it after the first piece; `direct` is whether a thread received it."""
    with closing(BodyReader(request, len(LONG) + 10, at_most=True)) as body:
        is_direct = body._direct is not None

        def read() -> str:
            hashed = hashlib.sha256()
            while piece := body.read(1 << 20):
                hashed.update(piece)
                if request.url.path == "/refuse":
                    return "refused"
            return hashed.hexdigest()

        digest = await read_in_thread(request, read)
    return JSONResponse({"digest": digest, "direct": is_direct}, status_code=400 if digest == "refused" else 200)


def refuse(_request: Request, error: Exception) -> Response:
    return Response(status_code=408 if isinstance(error, ClientTimeout) else 204)


@pytest.fixture(params=[HttptoolsConnection, H11Connection])
def kind(request):
    return request.param


@pytest.fixture
def address(kind, monkeypatch) -> Iterator[tuple[str, int]]:
    monkeypatch.setattr(server.connections, "http_protocol", lambda: kind)
    handlers = {ClientTimeout: refuse, ClientDisconnect: refuse}
    application = Starlette(routes=[Route("/{way}", receive, methods=["PUT"])], exception_handlers=handlers)
    with served(application, force=True) as running:
        yield running.listener.getsockname()


def send(connection, content: bytes, path: str = "/store", **headers: str) -> dict:
    connection.request("PUT", path, content, headers)
    return answer(connection)


def answer(connection) -> dict:
    response = connection.getresponse()
    return {**json.loads(response.read()), "status": response.status}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_long_and_short_bodies_follow_each_other_on_one_connection(connection, kind):
    for content in (LONG, SHORT, LONG[:-1], b"", LONG):
        found = send(connection, content)
        assert (found["status"], found["digest"]) == (200, digest(content))
        assert found["direct"] == (kind is HttptoolsConnection and len(content) > 2_000_000)


def test_a_refused_body_is_passed_over_and_the_connection_stays(connection):
    for _ in range(3):
        assert send(connection, LONG, "/refuse")["status"] == 400
        assert send(connection, LONG)["digest"] == digest(LONG)


def test_a_body_that_comes_slowly_is_received(address):
    with socket.create_connection(address, timeout=30) as sender:
        sender.sendall(b"PUT /store HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(LONG))
        for start in range(0, len(LONG), 400_000):
            sender.sendall(LONG[start : start + 400_000])
            time.sleep(0.01)
        response = http.client.HTTPResponse(sender)
        response.begin()
        assert digest(LONG) in response.read().decode()


def test_the_next_request_may_arrive_with_the_end_of_a_body(address):
    with socket.create_connection(address, timeout=30) as sender:
        head = b"PUT /store HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
        pipelined = head % len(LONG) + LONG + head % len(SHORT) + SHORT + head % len(LONG) + LONG
        sending = threading.Thread(target=sender.sendall, args=(pipelined,))
        sending.start()
        with sender.makefile("rb") as answers:
            for content in (LONG, SHORT, LONG):
                lines = list(iter(answers.readline, b"\r\n"))
                [size] = [int(line.split()[1]) for line in lines if line.lower().startswith(b"content-length:")]
                assert digest(content) in answers.read(size).decode()
        sending.join(30)


def test_a_body_without_a_length_or_that_waits_for_the_server_is_received_as_usual(connection, address):
    connection.request("PUT", "/store", iter([LONG[:2_000_000], LONG[2_000_000:]]), encode_chunked=True)
    assert answer(connection) == {"status": 200, "digest": digest(LONG), "direct": False}
    with socket.create_connection(address, timeout=30) as sender:
        sender.sendall(
            b"PUT /store HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(LONG)
        )
        assert sender.recv(1000).startswith(b"HTTP/1.1 100")
        sender.sendall(LONG)
        response = http.client.HTTPResponse(sender)
        response.begin()
        assert digest(LONG) in response.read().decode()


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_client_that_leaves_frees_its_connection(address):
    before = open_files()
    for _ in range(5):
        with socket.create_connection(address, timeout=30) as sender:
            sender.sendall(
                b"PUT /store HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(LONG) + LONG[:2_000_000]
            )
    until = time.monotonic() + 20
    while open_files() > before and time.monotonic() < until:
        time.sleep(0.05)
    assert open_files() <= before


def test_a_client_that_stops_sending_is_told_so(address, monkeypatch):
    monkeypatch.setattr("server.http.request_bodies.IDLE_TIMEOUT_S", 0.2)
    with socket.create_connection(address, timeout=30) as sender:
        sender.sendall(b"PUT /store HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(LONG) + LONG[:1_500_000])
        response = http.client.HTTPResponse(sender)
        response.begin()
        assert response.status == 408
