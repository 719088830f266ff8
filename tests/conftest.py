"""Fixtures that every part uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.local import LocalHub
from tests.builders import a_hub


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    """A hub of its own, with nothing in it."""
    with a_hub(tmp_path) as opened:
        yield opened
