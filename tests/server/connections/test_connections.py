"""Without a proxy in front, the server limits the size and time of headers."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import server.connections
from server import create_app
from server.connections import header_clock
from server.connections.header_clock import MAX_HEADER_BYTES
from server.connections.on_h11 import H11Connection
from server.connections.on_httptools import HttptoolsConnection
from tests.builders.serving import Served, served

HEAD = b"GET /api/v1/health/live HTTP/1.1\r\nHost: a\r\n"
QUICK_S = 0.2
"""Seconds for headers in tests about slow ones."""


@pytest.fixture(params=[HttptoolsConnection, H11Connection])
def running(request, hub, monkeypatch) -> Iterator[Served]:
    """Yield a server, once with each parser."""
    monkeypatch.setattr(server.connections, "http_protocol", lambda: request.param)
    with served(create_app(hub), force=True) as running:
        yield running


@pytest.fixture
def address(running: Served) -> tuple[str, int]:
    """Return the address of the server."""
    return running.listener.getsockname()


@contextmanager
def connected(address: tuple[str, int]) -> Iterator[socket.socket]:
    with socket.create_connection(address, timeout=20) as connection:
        yield connection


def status_of(connection: socket.socket) -> int:
    """Read one response with its body and return its status; 0 if the connection was closed."""
    response = http.client.HTTPResponse(connection)
    try:
        response.begin()
        response.read()
    except (http.client.HTTPException, ConnectionResetError):
        return 0
    return response.status


def read_all(connection: socket.socket) -> bytes:
    """Read to the end of the connection; a server that keeps it open makes the socket time out."""
    received = b""
    try:
        while piece := connection.recv(1 << 16):
            received += piece
    except ConnectionResetError:
        pass
    return received


def ends(connection: socket.socket) -> bool:
    """Return True at the end of the connection."""
    read_all(connection)
    return True


def test_headers_within_the_limit_are_read_whatever_pieces_they_come_in(address):
    with connected(address) as connection:
        for size in (10, MAX_HEADER_BYTES - 500, 10):
            message = HEAD + b"X-Long: " + b"x" * size + b"\r\n\r\n"
            for begin in range(0, len(message), 5000):
                connection.sendall(message[begin : begin + 5000])
            assert status_of(connection) == 200


@pytest.mark.parametrize(
    "header",
    [b"X-Long: " + b"x" * 10 * MAX_HEADER_BYTES + b"\r\n\r\n", b"X: y\r\n" * MAX_HEADER_BYTES + b"\r\n", b"x" * 10 * MAX_HEADER_BYTES],
    ids=["one long header", "many headers", "an endless header"],
)  # fmt: skip
def test_larger_headers_are_refused_and_the_connection_is_closed(address, header):
    with connected(address) as connection:
        try:
            connection.sendall(HEAD + header)
        except (ConnectionResetError, BrokenPipeError):
            return
        assert status_of(connection) in {431, 400, 0}
        assert ends(connection)


@pytest.mark.parametrize(
    "begin", [b"", b"GET", HEAD, HEAD + b"X: "], ids=["nothing", "a word", "a line", "half a header"]
)
def test_headers_that_do_not_arrive_in_time_end_the_connection(address, monkeypatch, begin):
    with connected(address) as used:  # A later request on a connection has the same time as the first.
        used.sendall(HEAD + b"\r\n")
        assert status_of(used) == 200
        monkeypatch.setattr(header_clock, "HEADER_SECONDS", QUICK_S)
        with connected(address) as connection:
            connection.sendall(begin)
            used.sendall(begin or b"G")
            assert status_of(connection) == 408
            assert ends(connection)
        assert b" 408 " in read_all(used)


def test_neither_a_pause_between_requests_nor_a_slow_body_counts_as_slow_headers(address, monkeypatch):
    with connected(address) as connection:
        for _ in range(2):  # The clock of the first request has started already, with more time.
            connection.sendall(HEAD + b"\r\n")
            assert status_of(connection) == 200
            monkeypatch.setattr(header_clock, "HEADER_SECONDS", QUICK_S)
        time.sleep(1.5 * QUICK_S)
        head = b"POST /api/validate-yaml HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{"
        connection.sendall(head)
        time.sleep(1.5 * QUICK_S)
        connection.sendall(b"}")
        assert status_of(connection) == 400


def test_a_server_that_stops_still_answers_requests_that_are_on_their_way(running: Served, address, monkeypatch):
    for name in ("FIRST_REQUEST_S", "LAST_REQUEST_S"):
        monkeypatch.setattr(header_clock, name, 15.0)
    with connected(address) as new, connected(address) as used, connected(address) as late:
        for each in (used, late):
            each.sendall(HEAD + b"\r\n")
            assert status_of(each) == 200
        late.sendall(HEAD)  # Half of a request.
        running.server.should_exit = True
        while running.server.servers[0].is_serving():
            time.sleep(0.01)
        late.sendall(b"\r\n")
        for each in (new, used):
            each.sendall(HEAD + b"\r\n")
        for each in (new, used, late):
            assert status_of(each) == 200
            assert ends(each)
    running.thread.join(timeout=10)
    assert not running.thread.is_alive(), "the server ends as soon as its connections have ended"


def test_a_server_that_stops_does_not_wait_for_idle_connections(running: Served, address, monkeypatch):
    monkeypatch.setattr(header_clock, "FIRST_REQUEST_S", header_clock.LAST_REQUEST_S)
    with connected(address) as idle:
        running.server.should_exit = True
        assert ends(idle)
    running.thread.join(timeout=10)
    assert not running.thread.is_alive()
