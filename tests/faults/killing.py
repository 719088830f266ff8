"""Kill a server while an unmodified client writes to it, again and again, and see what is left.

Server and client are processes of their own, forked from one that has imported everything, so that a round takes a second
and not five. Nothing of either is changed: the server is `hub serve`'s, the client huggingface_hub's.
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
"""A server that does not listen, or a client that does not get through, for so long is a fault."""
_MAX_S = 0.5
"""The server dies at most so long after the client was seen to write; a few commits fit into it."""
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    [
        "huggingface_hub.hf_api",
        "hf_xet",
        "numpy",
        "safetensors.numpy",
        "server.app",
        "server.cli",
        "hub.registry.artifacts.record",
        "uvicorn",
    ]
)


@dataclass
class Outcome:
    """What many rounds left behind."""

    rounds: int = 0
    interrupted: int = 0
    """Rounds in which an upload was under way when the server died."""
    confirmed: dict[str, str] = field(default_factory=dict)
    """Path → SHA-256 of everything that a client was told is kept."""
    seconds: float = 0.0


def kill_again_and_again(environment: dict[str, str], rounds: int, seed: int = 0) -> Outcome:
    """Each round: a fresh server, a fresh client that first repeats what the last one could not finish, and a kill -9.

    `environment` says where registry and store are. Raises AssertionError when the repetition does not succeed. The registry
    must be empty.
    """
    chance, outcome, began = random.Random(seed), Outcome(), time.monotonic()
    with LocalHub.open(Home.find(environment=environment)) as hub:
        hub.accounts.add("root", Actor("root"), is_admin=True)
        token = hub.tokens.create(hub.accounts.get("root"), "write", Actor("root"))
    port, pending = _free_port(), 0
    for _ in range(rounds):
        with _running(_serve, environment, port) as server:
            _await_listening(port, server)
            ours, theirs = _forks.Pipe()
            with _running(_write, f"http://127.0.0.1:{port}", token, pending, theirs) as client:
                theirs.close()
                _note(ours, outcome, wanted=pending)
                time.sleep(chance.uniform(0, _MAX_S))
                server.kill()
                server.join()
                client.kill()
                started, finished = _note(ours, outcome)
        outcome.rounds += 1
        outcome.interrupted += started != finished
        pending = started
    outcome.seconds = time.monotonic() - began
    return outcome


def file_bodies(number: int) -> dict[str, bytes]:
    """What the upload of a number holds: weights, or a text, or both."""
    weights = save(
        {"weight": np.random.default_rng(number).normal(size=20_000 + 400 * (number % 50)).astype(np.float32)}
    )
    text = f"upload {number}\n".encode() * 40
    kinds = {0: {"weights.safetensors": weights}, 1: {"sent.safetensors": weights}, 2: {"notes.txt": text}}
    files = kinds.get(number % 4, {"both.safetensors": weights, "both.txt": text})
    return {f"{number:05d}/{path}": content for path, content in files.items()}


def _serve(environment: dict[str, str], port: int) -> None:
    os.environ.update(environment)  # The process that is forked was started by somebody with another one.
    import uvicorn

    from server.app import create_app
    from server.cli import server_config

    config = server_config(create_app(LocalHub.open()))
    logging.getLogger("server").setLevel(logging.ERROR)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        uvicorn.Server(config).run(sockets=[listener])


def _write(endpoint: str, token: str, first: int, told: Connection) -> None:
    """Upload one number after the other: by Xet, by Git LFS, within the commit, or several files at once."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["HF_XET_CACHE"] = cache  # Of its own: a server that lost a xorb must be noticed.
        from huggingface_hub import CommitOperationAdd, HfApi
        from huggingface_hub.utils import disable_progress_bars
        from huggingface_hub.utils.logging import set_verbosity_error

        disable_progress_bars()
        set_verbosity_error()
        api = HfApi(endpoint=endpoint, token=token)
        for number in range(first, first + 1_000_000):
            told.send(("began", number, {}))
            files = file_bodies(number)
            sources = {path: io.BytesIO(raw) if "/sent" in path else raw for path, raw in files.items()}
            additions = [
                CommitOperationAdd(path_in_repo=path, path_or_fileobj=source) for path, source in sources.items()
            ]
            try:
                api.create_repo(REPOSITORY, exist_ok=True)
                api.create_commit(REPOSITORY, additions, commit_message=f"Upload {number}")
            except Exception as error:  # noqa: BLE001 - whatever the client makes of a server that is gone
                told.send(("failed", number, repr(error)))
                return
            told.send(("kept", number, {path: hashlib.sha256(raw).hexdigest() for path, raw in files.items()}))


def _note(told: Connection, outcome: Outcome, wanted: int | None = None) -> tuple[int, int]:
    """Take down what the client says: until it has uploaded `wanted`, or until its end. Numbers of what it began and finished."""
    started = finished = -1
    while finished != wanted:
        if wanted is not None:
            assert told.poll(_TIMEOUT_S), f"upload {wanted} was cut off, and its repetition does not succeed either"
        try:
            word, number, files = told.recv()
        except (EOFError, OSError):
            assert wanted is None, f"upload {wanted} was cut off, and the client that repeated it has died"
            break
        if word == "began":
            started = number
        elif word == "failed":
            assert wanted is None, f"upload {wanted} was cut off, and its repetition failed: {files}"
        else:
            finished = number
            outcome.confirmed |= files
    return started, finished


@contextlib.contextmanager
def _running(target: Any, *arguments: Any) -> Iterator[ForkServerProcess]:
    running = _forks.Process(target=target, args=arguments, daemon=True)
    running.start()
    try:
        yield running
    finally:
        running.kill()
        running.join()


def _await_listening(port: int, server: ForkServerProcess) -> None:
    until = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < until:
        assert server.exitcode is None, "the server ended by itself: what the last kill left cannot be opened"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.01)
    raise AssertionError("the server does not listen")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
