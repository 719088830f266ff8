"""Test every cell of the table, and write docs/reference/compatibility.md when all pass: `python -m tests.compatibility`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    status = pytest.main(["-q", "-k", "not the_page_is_up_to_date", str(Path(__file__).parent)])
    if status == pytest.ExitCode.OK:
        from tests.compatibility.page import (
            PAGE,
            render_page,
        )  # imported late, because pytest must rewrite the assertions first

        PAGE.write_text(render_page(), encoding="utf-8")
    sys.exit(status)
