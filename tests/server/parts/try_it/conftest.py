"""The application with the curated cards, two users, and the queue of an imitated generation process.

Ada has the modules `ada/secret-yo`, which is private, and `ada/gated-yo`, whose files need her permission.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.publish import publish
from hub.registry.artifacts.repositories import change_settings
from server.app import create_app
from server.part import server_parts
from server.parts.try_it.part import TryIt
from server.parts.try_it.service import running_service
from server.parts.try_it.settings import Settings
from tests.builders import ROOT as CHECKOUT
from tests.builders.server.imitated_worker import COMMAND
from tests.builders.server.people import ROOT, Browser, add_people


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    with LocalHub.open(tmp_path_factory.mktemp("home")) as opened:
        add_people(opened, "ada", "bob")
        for name, settings in (("secret-yo", {"private": True}), ("gated-yo", {"gated": "manual"})):
            folder = shutil.copytree(CHECKOUT / "cards/adapters/mulan-yo", tmp_path_factory.mktemp("modules") / name)
            publish(Path(folder), ArtifactName("ada", name), opened.registry, opened.store, message="Publish")
            change_settings(opened.registry.database, ArtifactName("ada", name), ROOT, **settings)
        yield opened


@pytest.fixture(scope="session")
def socket() -> Iterator[str]:
    """Run the queue, with limits that no test reaches by chance."""
    with running_service(Settings(queue=100, per_visitor=100, images=10_000), COMMAND) as path:
        yield str(path)


@pytest.fixture(scope="session")
def app(hub: LocalHub, socket: str) -> FastAPI:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUB_TRY_SOCKET", socket)  # As `hub serve` does.
        return create_app(hub, parts=(*(part for part in server_parts() if part.name != "try-it"), TryIt()))


@pytest.fixture(scope="session")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, follow_redirects=False) as client:
        yield client


@pytest.fixture
def browse(app: FastAPI) -> Iterator[Callable[[], Browser]]:
    """Yield a function that makes another browser."""
    with ExitStack() as opened:

        def make() -> Browser:
            client = TestClient(app, "http://hub.example", follow_redirects=False, client=("192.0.2.1", 50000))
            return Browser(opened.enter_context(client))

        yield make


@pytest.fixture
def browser(browse: Callable[[], Browser]) -> Browser:
    return browse()
