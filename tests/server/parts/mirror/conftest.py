"""Two real servers, each with its own hub: an upstream, and a mirror of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.utils import disable_progress_bars

from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.publish import publish
from hub.registry.artifacts.repositories import change_settings
from server import create_app
from tests.builders.artifacts import a_folder
from tests.builders.hub import a_hub
from tests.builders.server.mirrors import WEIGHTS, mirroring, tokens
from tests.builders.server.people import ROOT
from tests.builders.serving import Served, served


@pytest.fixture(scope="module")
def origin_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    disable_progress_bars()
    with a_hub(tmp_path_factory.mktemp("origin")) as hub:
        yield hub


@pytest.fixture(scope="module")
def origin(origin_hub: LocalHub) -> Iterator[Served]:
    """Return the upstream server."""
    with served(create_app(origin_hub)) as running:
        yield running


@pytest.fixture(scope="module")
def author(origin: Served, origin_hub: LocalHub) -> HfApi:
    """Return a client with write access to the upstream."""
    return HfApi(endpoint=origin.address, token=tokens(origin_hub, "far"))


@pytest.fixture
def make_repo(
    origin_hub: LocalHub, author: HfApi, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[..., str]:
    """Return a function that creates an upstream repository: a linguahub card with a measured score, a variant, 2.8 MB of weights."""

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
    """Return a server that mirrors the upstream."""
    with mirroring(hub, origin.address) as running:
        yield running


@pytest.fixture
def reader(mirror: Served) -> HfApi:
    """Return a client of the mirror without a token."""
    return HfApi(endpoint=mirror.address, token=False)
