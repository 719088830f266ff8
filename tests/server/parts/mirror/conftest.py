"""Two servers: one is the upstream, the other mirrors it. Both are real, and each has a hub of its own."""

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
