"""Pictures of pictures: a table of prompts and what was drawn for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from hub.loader.lettering import FAINT, INK, PAPER, width_of, write

CELL_PX = 128
"""Side of one picture in the table; the lab draws 64 px, shown twice as large."""
GAP_PX = 8
TEXT_PX = 430
"""Width of the column that holds the prompts."""


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt, what it means, and one picture per column."""

    prompt: str
    meaning: str
    pictures: Sequence[Image.Image]


def table(columns: Sequence[str], rows: Sequence[Row], title: str, caption: str) -> Image.Image:
    """Rows of prompts, columns of pictures, a title above and a caption below."""
    width = TEXT_PX + len(columns) * (CELL_PX + GAP_PX) + GAP_PX
    top, foot = 96, 40
    sheet = Image.new("RGB", (width, top + len(rows) * (CELL_PX + GAP_PX) + foot), PAPER)
    draw = ImageDraw.Draw(sheet)
    write(draw, (GAP_PX * 2, 42), title, 26)
    for place, heading in enumerate(columns):
        middle = TEXT_PX + place * (CELL_PX + GAP_PX) + CELL_PX // 2
        write(draw, (middle, top - 14), heading, 18, middle=True)
    for place, row in enumerate(rows):
        y = top + place * (CELL_PX + GAP_PX)
        _fitted(draw, (GAP_PX * 2, y + CELL_PX // 2 - 18), row.prompt, 25, INK)
        _fitted(draw, (GAP_PX * 2, y + CELL_PX // 2 + 18), row.meaning, 18, FAINT)
        for column, picture in enumerate(row.pictures):
            sheet.paste(
                picture.convert("RGB").resize((CELL_PX, CELL_PX), Image.Resampling.LANCZOS),
                (TEXT_PX + column * (CELL_PX + GAP_PX), y),
            )
    write(draw, (GAP_PX * 2, sheet.height - 14), caption, 15, FAINT)
    return sheet


def sheet(pictures: Sequence[Image.Image], columns: int = 16) -> Image.Image:
    """Pictures side by side, without words: a contact sheet to judge quality by eye."""
    side = pictures[0].width
    rows = -(-len(pictures) // columns)
    result = Image.new("RGB", (columns * side, rows * side), PAPER)
    for place, picture in enumerate(pictures):
        result.paste(picture, (place % columns * side, place // columns * side))
    return result


def _fitted(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size_px: int, fill: tuple[int, int, int]
) -> None:
    """Write on one line, smaller if it must be, cut if smaller is not enough."""
    room = TEXT_PX - 4 * GAP_PX
    while size_px > 13 and width_of(text, size_px) > room:
        size_px -= 1
    while width_of(text, size_px) > room:
        text = text[:-2].rstrip() + "…"
    write(draw, (at[0], at[1] + 0.36 * size_px), text, size_px, fill)
