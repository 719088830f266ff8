"""Serve an application with a real uvicorn, in a thread of the test."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from hub.local import LocalHub
from server import create_app
from server.cli import listen, server_config


class _Server(uvicorn.Server):
    """A server that closes its connections before its event loop ends, as the end of a process would."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):  # Browsers open some before they have a request.
            connection.transport.close()
        await asyncio.sleep(0)


class Served:
    """A server that can be stopped."""

    def __init__(self, app: FastAPI) -> None:
        self.listener = listen("127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.server = _Server(server_config(app))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]}, daemon=True)
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive()
            time.sleep(0.01)

    def stop(self, *, force: bool = False) -> None:
        """Stop after the running requests, or abort them with `force`."""
        self.server.should_exit, self.server.force_exit = True, force
        self.thread.join(timeout=10)
        self.listener.close()


@contextmanager
def served(app: FastAPI, *, force: bool = False) -> Iterator[Served]:
    running = Served(app)
    try:
        yield running
    finally:
        running.stop(force=force)


@contextmanager
def serving(hub: LocalHub) -> Iterator[str]:
    """Yield the address at which `hub` is served; close open connections at the end."""
    with served(create_app(hub), force=True) as running:
        yield running.address
