"""Start processes for tests from a fork server that has imported the libraries once, so that each starts quickly.

A process gets the environment that `torchrun` sets; a separate test (`test_contrast`) lets the launcher of `torchrun` start them.
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

Call = tuple[str, str, tuple[Any, ...]]
"""Module, function and arguments of a call, by name, so that the fork server need not import it."""


def start(calls: Sequence[Call], environment: Mapping[str, str], output: Path) -> ForkServerProcess:
    """Start a process that makes `calls` in order and writes its output to the file `output`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.builders.training.preloaded"])
    process = context.Process(target=_work, args=(list(calls), dict(environment), str(output)))
    process.start()
    return process


def launch(calls: Sequence[Call], *, processes: int = 1, environment: Mapping[str, str] | None = None) -> str:
    """Make `calls` in one process or in several connected ones, which must all succeed, and return their output."""
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
                process.kill()  # a process may wait for another that has failed
                process.join(60)
        output = "".join((Path(folder) / str(rank)).read_text(encoding="utf-8") for rank in range(processes))
    assert all(process.exitcode == 0 for process in started), output
    return output


def _wait(started: Sequence[ForkServerProcess]) -> None:
    """Wait until all processes have ended or one has failed."""
    running = {process.sentinel: process for process in started}
    while running:
        for ended in wait(list(running)):
            process = running.pop(cast(int, ended))
            process.join(60)
            if process.exitcode != 0:
                return


def _work(calls: Sequence[Call], environment: Mapping[str, str], output: str) -> None:
    import torch

    out = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
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
    """Kill a process as a power failure would."""
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(60)
