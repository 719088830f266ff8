"""Kill a server repeatedly while an unmodified client writes to it, and check the store afterwards.

Server and client are processes forked from one that has imported everything, so that a round takes one second instead of
five. Neither is modified: the server is that of `hub serve`, the client huggingface_hub.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import multiprocessing
import os
import random
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import save

from hub.home import Home
from hub.local import LocalHub
from hub.registry.accounts.permissions import Actor

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

REPOSITORY = "root/module"
_TIMEOUT_S = 60.0
"""Seconds after which a server that does not listen, or a client that does not succeed, counts as a fault."""
_MAX_S = 0.5
"""The longest time between the client's first write and the kill; a few commits fit into it."""
_forks = multiprocessing.get_context("forkserver")
_PRELOADED = [
    "huggingface_hub.hf_api",
    "hf_xet",
    "numpy",
    "safetensors.numpy",
    "server.app",
    "server.cli",
    "hub.registry.artifacts.record",
    "uvicorn",
]


@dataclass
class Outcome:
    """The result of many rounds."""

    rounds: int = 0
    interrupted: int = 0
    """Rounds in which an upload was running when the server was killed."""
    confirmed: dict[str, str] = field(default_factory=dict)
    """Path → SHA-256 of every file whose upload was confirmed to a client."""
    seconds: float = 0.0


def kill_again_and_again(environment: dict[str, str], rounds: int, seed: int = 0) -> Outcome:
    """Run rounds of a new server, a new client that first repeats the previous client's unfinished upload, and a kill -9.

    `environment` sets the location of registry and store; the registry must be empty. Raises `AssertionError` if the
    repeated upload fails.
    """
    chance, outcome, began = random.Random(seed), Outcome(), time.monotonic()
    _stop_fork_server()
    _forks.set_forkserver_preload(_PRELOADED)
    with LocalHub.open(Home.find(environment=environment)) as hub:
        hub.accounts.add("root", Actor("root"), is_admin=True)
        token = hub.tokens.create(hub.accounts.get("root"), "write", Actor("root"))
    port, pending = _free_port(), 0
    for _ in range(rounds):
        with _start_process(_serve, environment, port) as server:
            _await_listening(port, server)
            ours, theirs = _forks.Pipe()
            with _start_process(_write, f"http://127.0.0.1:{port}", token, pending, theirs) as client:
                theirs.close()
                _record(ours, outcome, wanted=pending)
                time.sleep(chance.uniform(0, _MAX_S))
                server.kill()
                server.join(60)
                client.kill()
                started, finished = _record(ours, outcome)
        outcome.rounds += 1
        outcome.interrupted += started != finished
        pending = started
    outcome.seconds = time.monotonic() - began
    _stop_fork_server()
    return outcome


def _stop_fork_server() -> None:
    """Stop the fork server of this process, if it runs: other tests start one that has imported other libraries."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]  # `multiprocessing` has no public way to stop it


def files_of(number: int) -> dict[str, bytes]:
    """Return the files of the upload with this number: weights, a text, or both."""
    weights = save(
        {"weight": np.random.default_rng(number).normal(size=20_000 + 400 * (number % 50)).astype(np.float32)}
    )
    text = f"upload {number}\n".encode() * 40
    kinds = {0: {"weights.safetensors": weights}, 1: {"sent.safetensors": weights}, 2: {"notes.txt": text}}
    files = kinds.get(number % 4, {"both.safetensors": weights, "both.txt": text})
    return {f"{number:05d}/{path}": content for path, content in files.items()}


def _serve(environment: dict[str, str], port: int) -> None:
    os.environ.update(environment)  # The fork server was started with another environment.
    import uvicorn

    from server.app import create_app
    from server.cli import listen, server_config

    config = server_config(create_app(LocalHub.open()))
    logging.getLogger("server").setLevel(logging.ERROR)
    with listen("127.0.0.1", port) as listener:
        uvicorn.Server(config).run(sockets=[listener])


def _write(endpoint: str, token: str, first: int, reports: Connection) -> None:
    """Upload number after number: by Xet, by Git LFS, within the commit, or several files at once."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["HF_XET_CACHE"] = cache  # A fresh cache, so that a server that lost a xorb is noticed.
        from huggingface_hub import CommitOperationAdd, HfApi
        from huggingface_hub.utils import disable_progress_bars
        from huggingface_hub.utils.logging import set_verbosity_error

        disable_progress_bars()
        set_verbosity_error()
        api = HfApi(endpoint=endpoint, token=token)
        for number in range(first, first + 1_000_000):
            reports.send(("began", number, {}))
            files = files_of(number)
            sources = {path: io.BytesIO(raw) if "/sent" in path else raw for path, raw in files.items()}
            additions = [
                CommitOperationAdd(path_in_repo=path, path_or_fileobj=source) for path, source in sources.items()
            ]
            try:
                api.create_repo(REPOSITORY, exist_ok=True)
                api.create_commit(REPOSITORY, additions, commit_message=f"Upload {number}")
            except Exception as error:  # noqa: BLE001 - clients raise various errors for a server that is gone
                reports.send(("failed", number, repr(error)))
                return
            reports.send(("kept", number, {path: hashlib.sha256(raw).hexdigest() for path, raw in files.items()}))


def _record(reports: Connection, outcome: Outcome, wanted: int | None = None) -> tuple[int, int]:
    """Record the client's reports until it has uploaded `wanted` or ends; return the numbers it started and finished."""
    started = finished = -1
    while finished != wanted:
        if wanted is not None:
            assert reports.poll(_TIMEOUT_S), f"upload {wanted} was interrupted, and repeating it does not succeed"
        try:
            word, number, files = reports.recv()
        except (EOFError, OSError):
            assert wanted is None, f"upload {wanted} was interrupted, and the client that repeated it has died"
            break
        if word == "began":
            started = number
        elif word == "failed":
            assert wanted is None, f"upload {wanted} was interrupted, and repeating it failed: {files}"
        else:
            finished = number
            outcome.confirmed |= files
    return started, finished


@contextlib.contextmanager
def _start_process(target: Any, *arguments: Any) -> Iterator[ForkServerProcess]:
    running = _forks.Process(target=target, args=arguments, daemon=True)
    running.start()
    try:
        yield running
    finally:
        running.kill()
        running.join(60)


def _await_listening(port: int, server: ForkServerProcess) -> None:
    until = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < until:
        assert server.exitcode is None, "the server exited: it cannot open what the previous kill left"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.01)
    raise AssertionError("the server does not listen")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
