"""The application with the curated cards and the queue of an imitated generation process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from hub.local import LocalHub
from server.app import create_app
from server.part import ServerPart, server_parts
from server.parts.try_it.part import TryIt
from server.parts.try_it.service import running_service
from server.parts.try_it.settings import Settings
from tests.builders.server.imitated_worker import COMMAND
from tests.builders.server.published import hub

__all__ = ["client", "hub", "socket"]


def parts_with_try() -> tuple[ServerPart, ...]:
    return (*(part for part in server_parts() if part.name != "try-it"), TryIt())


@pytest.fixture
def socket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the queue, and name its socket in the environment, as `hub serve` does."""
    with running_service(Settings(), COMMAND) as path:
        monkeypatch.setenv("HUB_TRY_SOCKET", str(path))
        yield str(path)


@pytest.fixture
def client(hub: LocalHub, socket: str) -> Iterator[TestClient]:
    with TestClient(create_app(hub, parts=parts_with_try()), follow_redirects=False) as client:
        yield client
