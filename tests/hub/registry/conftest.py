import shutil

import pytest

from hub.registry import Registry
from tests.builders import postgres


@pytest.fixture(params=["sqlite", "postgres"])
def registry(request, tmp_path, empty_registry):
    """A registry with nothing in it, once on each database."""
    if request.param == "sqlite":
        shutil.copy(empty_registry, tmp_path)
        address = tmp_path / "registry.db"
    else:
        address = postgres.a_database(request.getfixturevalue("cluster"))
    opened = Registry.open(address)
    yield opened
    opened.close()
