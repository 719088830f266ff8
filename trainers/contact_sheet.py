"""A contact sheet: rows of pictures, a label before each row, a heading over each column, a caption below each picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw

from hub.loader.lettering import FAINT, LINE, PAPER, wrap, write

CELL_PX = 128
"""Side of a picture; the lab draws 64 px, shown twice as large."""
GAP_PX = 8
LABEL_PX = 300
TEXT_PX, SMALL_PX = 18, 14


class Row(NamedTuple):
    """What is said of some pictures, and the pictures."""

    label: str
    images: Sequence[Image.Image]
    captions: Sequence[str] = ()
    """One for each picture, or none."""


def contact_sheet(rows: Sequence[Row], columns: Sequence[str] = ()) -> Image.Image:
    """One row below the other; `columns` are headings."""
    left = LABEL_PX + 2 * GAP_PX if any(row.label for row in rows) else GAP_PX
    line, small_line = round(LINE * TEXT_PX), round(LINE * SMALL_PX)
    heads = [wrap(heading, TEXT_PX, CELL_PX, most=3) for heading in columns]
    top = GAP_PX + max(map(len, heads), default=0) * line
    labels = [wrap(row.label, TEXT_PX, LABEL_PX) if row.label else [] for row in rows]
    heights = [CELL_PX + (small_line if row.captions else 0) + GAP_PX for row in rows]
    width = left + max(len(columns), *(len(row.images) for row in rows)) * (CELL_PX + GAP_PX)
    sheet = Image.new("RGB", (width, top + sum(heights)), PAPER)
    pen = ImageDraw.Draw(sheet)
    for column, head in enumerate(heads):
        for place, text in enumerate(head, start=1):
            middle = left + column * (CELL_PX + GAP_PX) + CELL_PX // 2
            write(pen, (middle, GAP_PX + place * line - 8), text, TEXT_PX, middle=True)
    y = top
    for row, label, height in zip(rows, labels, heights, strict=True):
        first = y + (CELL_PX - len(label) * line) // 2
        for place, text in enumerate(label, start=1):
            write(pen, (GAP_PX, first + place * line - 8), text, TEXT_PX)
        for column, image in enumerate(row.images):
            x = left + column * (CELL_PX + GAP_PX)
            shown = image.convert("RGB").resize((CELL_PX, CELL_PX), Image.Resampling.LANCZOS)
            sheet.paste(shown, (x, y))
            if row.captions:
                caption = wrap(row.captions[column], SMALL_PX, CELL_PX, most=1)[0]
                write(pen, (x, y + CELL_PX + 15), caption, SMALL_PX, FAINT)
        y += height
    return sheet
