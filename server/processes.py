"""Several processes on one port. uvicorn's own supervisor starts them, one anew where one has died, and ends them together.

SIGHUP replaces them one after the other, by new ones with what is installed then.
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
"""What each worker calls: it opens the hub for itself, for no connection to a database survives in two processes."""


def make_app() -> FastAPI:
    """The application around a hub that is open until the process ends."""
    from hub.local import LocalHub
    from server.app import create_app
    from server.http.accel_redirect import offload_prefix
    from server.part import server_parts
    from server.rates import configured_rates
    from server.worker import Worker

    parts = server_parts()
    for part in parts:
        part.configure()
    hub = LocalHub.open()
    atexit.register(hub.close)
    return create_app(hub, Worker(hub), offload=offload_prefix(), parts=parts, rates=configured_rates())


def run_processes(config: Config, listener: socket.socket) -> None:
    """Run until a signal ends all of them."""
    from uvicorn.supervisors import Multiprocess

    logging.getLogger("uvicorn.error").setLevel(
        logging.INFO
    )  # Here, and not in the workers: who died, and who was replaced.
    Multiprocess(config, [listener]).run()
