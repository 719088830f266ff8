"""Start servers that can be stopped, and servers that mirror them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from safetensors.numpy import save

from hub.local import LocalHub
from server import create_app
from server.part import server_parts
from server.parts.mirror.part import MirrorPart
from server.parts.mirror.settings import MirrorSettings
from server.parts.mirror.upstream import UpstreamClient
from tests.builders.server.people import ROOT
from tests.builders.serving import Served, served

WEIGHTS = save({"weight": np.random.default_rng(0).standard_normal(700_000, dtype=np.float32)})
"""2.8 MB."""


@contextmanager
def mirroring(
    hub: LocalHub, address: str, token: str | None = None, *, settings: MirrorSettings | None = None
) -> Iterator[Served]:
    """Yield a server that mirrors the hub at an address."""
    upstream = UpstreamClient(address, token)  # The mirror part closes it when the application ends.
    parts = [MirrorPart(upstream, settings) if part.name == "mirror" else part for part in server_parts()]
    with served(create_app(hub, parts=parts)) as running:
        yield running


def settled(hub: LocalHub) -> None:
    """Wait until no fetch is running: a client receives the last byte a moment before the store does."""
    for _ in range(1000):
        if not any((hub.home.folder / "mirror").glob("*")):
            return
        time.sleep(0.01)
    raise AssertionError("a fetch never ended")


def tokens(hub: LocalHub, name: str) -> str:
    if hub.accounts.find(name) is None:
        hub.accounts.add(name, ROOT)
    return hub.tokens.create(hub.accounts.get(name), "write", ROOT)
