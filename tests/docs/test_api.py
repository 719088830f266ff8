"""docs/reference/api.md matches the OpenAPI document."""

from __future__ import annotations

from server.manual import manual
from tests.builders import ROOT

PAGE = ROOT / "docs" / "reference" / "api.md"


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == manual(), "refresh it with `make docs`"
