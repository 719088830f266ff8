import shutil

import pytest

from hub.registry import Registry


@pytest.fixture
def registry(tmp_path, empty_registry):
    """A registry with nothing in it."""
    shutil.copy(empty_registry, tmp_path)
    opened = Registry.open(tmp_path / "registry.db")
    yield opened
    opened.close()
