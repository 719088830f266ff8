"""Run several processes on one port. uvicorn's supervisor starts them, replaces those that die, and stops them together.

SIGHUP replaces them one by one with new processes, which import the current installation.
"""

from __future__ import annotations

import atexit
import logging
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI
    from uvicorn import Config

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
    from server.worker import Worker

    parts = server_parts()
    for part in parts:
        part.configure()
    hub = LocalHub.open()
    atexit.register(hub.close)
    scrubber = Scrubber(hub, configured_scrub_rate())
    return create_app(
        hub, Worker(hub), scrubber=scrubber, offload=offload_prefix(), parts=parts, rates=configured_rates()
    )


def run_processes(config: Config, listener: socket.socket) -> None:
    """Run the processes until a signal stops them."""
    from uvicorn.supervisors import Multiprocess

    logging.getLogger("uvicorn.error").setLevel(logging.INFO)  # Reports which process died or was replaced.
    Multiprocess(config, [listener]).run()
