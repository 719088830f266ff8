"""Modules that change a base."""

import pytest

from tests.builders.models.changes import make_change

__all__ = ["make_change"]


@pytest.fixture(autouse=True)
def _copies(load_base_once: None) -> None:
    """Copy the tiny base in every test, also where a test calls `load_pipeline` itself."""
