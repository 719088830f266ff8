"""A hub with users and a small artifact of ada's, and browsers."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.local import LocalHub
from tests.builders.server.people import browse, browser, endpoint, hub
from tests.builders.server.published import Publisher

__all__ = ["browse", "browser", "endpoint", "hub"]


@pytest.fixture
def module(hub: LocalHub, tmp_path: Path) -> str:
    """Publish `ada/first-yo`, an adapter for the base `emoji-sd`, and return its name."""
    publisher = Publisher(hub, tmp_path / "workshop")
    publisher.base("emoji-sd")
    publisher.adapter("ada/first-yo", ("yo",), prose="# first-yo\n\nReads *Yoruba*.\n")
    return "ada/first-yo"
