"""Processes for tests, from a server that has imported the libraries once: a process then costs what it computes.

A process is told what `torchrun` tells the ones that it starts; that `torchrun` itself starts them is a test of its own
(`test_contrast`).
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import socket
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, cast

PRELOADED = ("tests.trainers.loop.test_sharding", "tests.trainers.loop.test_loop")
"""Between them they import all that a process of these tests runs."""
Call = tuple[str, str, tuple[Any, ...]]
"""Module, function and arguments: of what a process does, by name, so that the server need not know it."""


def start(calls: Sequence[Call], environment: Mapping[str, str], said: Path) -> ForkServerProcess:
    """A process that makes `calls` one after the other, and says to the file `said` what it says."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    process = context.Process(target=_work, args=(list(calls), dict(environment), str(said)))
    process.start()
    return process


def launch(calls: Sequence[Call], *, processes: int = 1, environment: Mapping[str, str] | None = None) -> str:
    """The same in one process, or in some that find each other, each of which must end well. What they said."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        started = []
        for rank in range(processes):
            world = {
                "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes),
                "MASTER_ADDR": "localhost", "MASTER_PORT": str(port),
            }  # fmt: skip
            told = {**(environment or {}), **(world if processes > 1 else {})}
            started.append(start(calls, told, Path(folder) / str(rank)))
        try:
            _wait(started)
        finally:
            for process in started:
                process.kill()  # one waits for another that has failed
                process.join()
        said = "".join((Path(folder) / str(rank)).read_text(encoding="utf-8") for rank in range(processes))
    assert all(process.exitcode == 0 for process in started), said
    return said


def _wait(started: Sequence[ForkServerProcess]) -> None:
    """Until all have ended, or one has failed."""
    running = {process.sentinel: process for process in started}
    while running:
        for ended in wait(list(running)):
            process = running.pop(cast(int, ended))
            process.join()
            if process.exitcode != 0:
                return


def _work(calls: Sequence[Call], environment: Mapping[str, str], said: str) -> None:
    import torch

    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.environ.update(environment)
    torch.set_num_threads(1)
    for module, function, arguments in calls:
        getattr(importlib.import_module(module), function)(*arguments)


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("localhost", 0))
        return int(server.getsockname()[1])


def kill(process: ForkServerProcess) -> None:
    """As a machine that loses its power would."""
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
