"""Two servers: one is the upstream, the other mirrors it. Both are real, and each has a hub of its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from huggingface_hub import HfApi
from huggingface_hub.utils import disable_progress_bars
from safetensors.numpy import save

from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.publish import publish
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.repositories import change_settings
from server import create_app
from server.cli import server_config
from server.part import server_parts
from server.parts.mirror.part import MirrorPart
from server.parts.mirror.upstream import Upstream
from tests.builders.artifacts import a_folder, a_hub

ROOT = Actor("root")
WEIGHTS = save({"weight": np.random.default_rng(0).standard_normal(700_000, dtype=np.float32)})
"""2.8 MB."""


class Served:
    """A server that can be stopped."""

    def __init__(self, app: FastAPI) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.server = uvicorn.Server(server_config(app))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]}, daemon=True)
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive()
            time.sleep(0.01)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(timeout=10)
        self.listener.close()


@contextmanager
def served(app: FastAPI) -> Iterator[Served]:
    running = Served(app)
    yield running
    running.stop()


@contextmanager
def mirroring(hub: LocalHub, address: str, token: str | None = None) -> Iterator[Served]:
    """A server that mirrors the hub at an address."""
    upstream = Upstream(address, token)  # The part closes it when the application ends.
    parts = [MirrorPart(upstream) if part.name == "mirror" else part for part in server_parts()]
    with served(create_app(hub, parts=parts)) as running:
        yield running


def settled(hub: LocalHub) -> None:
    """Wait until nothing is on its way: a client has the last byte a moment before the store has it."""
    for _ in range(1000):
        if not any((hub.home.folder / "mirror").glob("*")):
            return
        time.sleep(0.01)
    raise AssertionError("a fetch never ended")


def tokens(hub: LocalHub, name: str) -> str:
    if hub.accounts.find(name) is None:
        hub.accounts.add(name, ROOT)
    return hub.tokens.create(hub.accounts.get(name), "write", ROOT)


@pytest.fixture(scope="module")
def origin_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    disable_progress_bars()
    with a_hub(tmp_path_factory.mktemp("origin")) as hub:
        yield hub


@pytest.fixture(scope="module")
def origin(origin_hub: LocalHub) -> Iterator[Served]:
    """The upstream."""
    with served(create_app(origin_hub)) as running:
        yield running


@pytest.fixture(scope="module")
def author(origin: Served, origin_hub: LocalHub) -> HfApi:
    """Somebody who writes upstream."""
    return HfApi(endpoint=origin.address, token=tokens(origin_hub, "far"))


@pytest.fixture
def make_repo(
    origin_hub: LocalHub, author: HfApi, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[..., str]:
    """A repository upstream: a card of ours with a measured score, a variant, and weights of 2.8 MB."""

    def make(**settings: object) -> str:
        name = ArtifactName("far", f"r{abs(hash(request.node.nodeid)) % 10**9}")
        folder = a_folder(tmp_path / "upstream")
        (folder / "emoji-sd" / "model.safetensors").write_bytes(WEIGHTS)
        publish(folder, name, origin_hub.registry, origin_hub.store)
        if settings:
            change_settings(origin_hub.registry.database, name, ROOT, **settings)
        return str(name)

    return make


@pytest.fixture
def mirror(hub: LocalHub, origin: Served) -> Iterator[Served]:
    """A server of its own that mirrors the upstream."""
    with mirroring(hub, origin.address) as running:
        yield running


@pytest.fixture
def reader(mirror: Served) -> HfApi:
    """Somebody who asks the mirror, without a token."""
    return HfApi(endpoint=mirror.address, token=False)
