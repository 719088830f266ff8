"""A proxy that forwards everything to the server and cuts off one response in the middle."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Proxy:
    """Forwards one connection at a time; `ranges` has the requested ranges."""

    def __init__(self, endpoint: str, after_bytes: int) -> None:
        parts = urlsplit(endpoint)
        self._target = (parts.hostname, parts.port)
        self._left = after_bytes
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.was_cut = False
        self.ranges: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                threading.Thread(target=self._ask, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answer, args=(client, server), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while sent := client.recv(65_536):
                self.ranges += re.findall(r"(?im)^range: *(\S+)", sent.decode("latin-1"))
                server.sendall(sent)
        _end(server)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while sent := server.recv(65_536):
                if not self.was_cut and len(sent) > self._left:
                    self.was_cut = True
                    _end(server)
                    break
                self._left -= len(sent) if not self.was_cut else 0
                client.sendall(sent)
        _end(client)


def _end(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()


@contextmanager
def cutting(endpoint: str, *, after_bytes: int) -> Iterator[Proxy]:
    proxy = Proxy(endpoint, after_bytes)
    try:
        yield proxy
    finally:
        proxy.close()
