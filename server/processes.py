"""Run several processes on one port. uvicorn's supervisor starts them, replaces those that die, and stops them together.

SIGHUP replaces them one by one with new processes, which import the current installation.
"""

from __future__ import annotations

import atexit
import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from uvicorn import Config, Server
from uvicorn.supervisors import Multiprocess

if TYPE_CHECKING:
    from fastapi import FastAPI

APP = "server.processes:make_app"
"""The factory that each process calls. It opens its own hub: processes cannot share a database connection."""


def make_app() -> FastAPI:
    """Create the application around a hub that stays open until the process ends."""
    from hub.local import LocalHub
    from server.app import create_app
    from server.http.accel_redirect import offload_prefix
    from server.part import server_parts
    from server.rates import configured_rates
    from server.scrubber import Scrubber, configured_scrub_rate
    from server.site.root_path import configured_root_path
    from server.worker import Worker

    parts = server_parts()
    for part in parts:
        part.configure()
    hub = LocalHub.open()
    atexit.register(hub.close)
    scrubber = Scrubber(hub, configured_scrub_rate())
    return create_app(
        hub,
        Worker(hub),
        scrubber=scrubber,
        offload=offload_prefix(),
        parts=parts,
        rates=configured_rates(),
        root_path=configured_root_path(),
    )


def run_process(config: Config, listener: socket.socket, announce: Callable[[], None]) -> None:
    """Serve in this process until a signal stops it, and call `announce` as soon as it responds."""
    _OneProcess(config, announce).run(sockets=[listener])


def run_processes(config: Config, listener: socket.socket, announce: Callable[[], None]) -> None:
    """Run the processes until a signal stops them, and call `announce` as soon as one of them responds."""
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)  # Reports which process died or was replaced.
    _Processes(config, listener, announce).run()


class _OneProcess(Server):
    def __init__(self, config: Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()


class _Processes(Multiprocess):
    def __init__(self, config: Config, listener: socket.socket, announce: Callable[[], None]) -> None:
        super().__init__(config, [listener])
        self._announce: Callable[[], None] | None = announce

    def keep_subprocess_alive(self) -> None:  # It runs every half second, between signals.
        super().keep_subprocess_alive()
        if self._announce and not self.should_exit.is_set() and any(each.is_ready() for each in self.processes):
            self._announce()
            self._announce = None
