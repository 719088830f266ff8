"""Write docs/train/families.md: `python -m tests.trainers.families`. Tests in this folder check every cell."""

from __future__ import annotations

from tests.trainers.families.table import PAGE, render_page

if __name__ == "__main__":
    PAGE.write_text(render_page(), encoding="utf-8")
