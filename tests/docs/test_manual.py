"""docs/reference/cli.md matches the help of the commands."""

from __future__ import annotations

import pytest

from hub.cli.commands import OWN
from hub.cli.manual import manual
from tests.builders import ROOT

PAGE = ROOT / "docs" / "reference" / "cli.md"


def test_the_manual_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == manual(), "refresh it with `make docs`"


@pytest.mark.parametrize("name", [*OWN, "train", "cache", "evaluate", "serve"])
def test_every_command_is_in_the_manual(name):
    assert f"## hub {name}\n" in PAGE.read_text(encoding="utf-8")
