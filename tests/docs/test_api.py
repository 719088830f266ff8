"""docs/reference/api.md is what the OpenAPI document says."""

from __future__ import annotations

import pytest

from tests.builders import ROOT

PAGE = ROOT / "docs" / "reference" / "api.md"


def test_the_page_is_up_to_date():
    manual = pytest.importorskip("server.manual", reason="the extra `serve` is not installed")
    assert PAGE.read_text(encoding="utf-8") == manual.manual(), "refresh it with `make docs`"
