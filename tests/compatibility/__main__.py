"""`python -m tests.compatibility`: run every cell of the table, and write docs/compatibility.md when all of them hold."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.compatibility.page import PAGE, page

if __name__ == "__main__":
    status = pytest.main(
        [
            "-q",
            "--deselect",
            f"{Path(__file__).parent}/test_compatibility.py::test_the_page_is_up_to_date",
            str(Path(__file__).parent),
        ]
    )
    if status == pytest.ExitCode.OK:
        PAGE.write_text(page(), encoding="utf-8")
    sys.exit(status)
