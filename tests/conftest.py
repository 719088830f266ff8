"""Fixtures that every part uses."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.local import LocalHub
from tests import postgres
from tests.builders import a_hub


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry.db with nothing in it. Copying it saves every test half a second of migrating."""
    folder = tmp_path_factory.mktemp("empty")
    a_hub(folder).close()
    return folder / "home" / "registry.db"


@pytest.fixture
def hub(tmp_path: Path, empty_registry: Path) -> Iterator[LocalHub]:
    """A hub of its own, with nothing in it."""
    (tmp_path / "home").mkdir()
    shutil.copy(empty_registry, tmp_path / "home" / "registry.db")
    with a_hub(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """A PostgreSQL server of this session."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: `make test` installs it with the extra `dev`")
    if (binaries := postgres.programs()) is None:
        pytest.skip(postgres.ABSENT)
    with postgres.a_cluster(binaries) as folder:
        yield folder


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty registry may be made, once on each database."""
    if request.param == "sqlite":
        return str(tmp_path / "registry.db")
    return postgres.a_database(request.getfixturevalue("cluster"))
