"""Several pictures in one, with words that say what each is: a table of prompts, or a grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from hub.loader.lettering import FAINT, INK, LINE, PAPER, wrap, write

LEAST_PX = 160
"""Narrower pictures are enlarged by a whole number: words below them need that room."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One picture and what stands below it; without a picture, what stands in its place."""

    picture: Image.Image | None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A prompt, what is said of it in small letters, and a cell for each column."""

    prompt: str
    note: str
    cells: Sequence[Cell]


def table(headings: Sequence[str], rows: Sequence[Row], footer: str) -> Image.Image:
    """One row a prompt, one column a heading; all pictures are of one size. `footer` stands below."""
    size = _Sizes.of([cell.picture for row in rows for cell in row.cells])
    left = round(1.4 * size.width) + 2 * size.gap
    heads = [wrap(heading, size.text, size.width, most=3) for heading in headings]
    below = [_lines([cell.words for cell in row.cells if cell.picture is not None], size) for row in rows]
    top = size.gap + max(map(len, heads)) * size.line
    foot = wrap(footer, size.small, left + len(headings) * (size.width + size.gap) - 2 * size.gap, most=3)
    heights = [size.height + len_below * size.small_line + size.gap for len_below in below]
    sheet = Image.new(
        "RGB",
        (left + len(headings) * (size.width + size.gap), top + size.gap // 2 + sum(heights) + len(foot) * size.small_line + size.gap),
        PAPER,
    )  # fmt: skip
    draw = ImageDraw.Draw(sheet)
    for column, lines in enumerate(heads):
        middle = left + column * (size.width + size.gap) + size.width / 2
        _write(draw, lines, middle, top - len(lines) * size.line, size.text, middle=True)
    y = top + size.gap // 2
    for row, height in zip(rows, heights, strict=True):
        said = wrap(row.prompt, size.text, left - 2 * size.gap, most=max(1, size.height // size.line - 2))
        noted = wrap(row.note, size.small, left - 2 * size.gap, most=2) if row.note else []
        start = y + (size.height - len(said) * size.line - len(noted) * size.small_line) / 2
        _write(draw, said, size.gap, start, size.text)
        _write(draw, noted, size.gap, start + len(said) * size.line, size.small, faint=True)
        for column, cell in enumerate(row.cells):
            _place(sheet, draw, cell, (left + column * (size.width + size.gap), y), size)
        y += height
    _write(draw, foot, size.gap, y, size.small, faint=True)
    return sheet


def grid(cells: Sequence[Cell], columns: int | None = None) -> Image.Image:
    """Row by row, as square as can be unless `columns` is given, each picture with its words below it."""
    size = _Sizes.of([cell.picture for cell in cells])
    columns = columns or math.ceil(math.sqrt(len(cells)))
    rows = [cells[first : first + columns] for first in range(0, len(cells), columns)]
    heights = [size.height + _lines([cell.words for cell in row], size) * size.small_line + size.gap for row in rows]
    sheet = Image.new("RGB", (columns * (size.width + size.gap) + size.gap, sum(heights) + size.gap), PAPER)
    draw = ImageDraw.Draw(sheet)
    y = size.gap
    for row, height in zip(rows, heights, strict=True):
        for column, cell in enumerate(row):
            _place(sheet, draw, cell, (size.gap + column * (size.width + size.gap), y), size)
        y += height
    return sheet


@dataclass(frozen=True, slots=True)
class _Sizes:
    """In pixels."""

    width: int
    height: int
    text: int
    small: int

    @classmethod
    def of(cls, pictures: Sequence[Image.Image | None]) -> _Sizes:
        width, height = next((each.size for each in pictures if each is not None), (LEAST_PX, LEAST_PX))
        times = math.ceil(LEAST_PX / width)
        text = min(40, max(16, times * width // 11))
        return cls(times * width, times * height, text, round(0.8 * text))

    @property
    def line(self) -> int:
        return round(LINE * self.text)

    @property
    def small_line(self) -> int:
        return round(LINE * self.small)

    @property
    def gap(self) -> int:
        return self.text


def _lines(words: Sequence[str], size: _Sizes) -> int:
    return max((len(wrap(each, size.small, size.width, most=3)) for each in words if each), default=0)


def _place(sheet: Image.Image, draw: ImageDraw.ImageDraw, cell: Cell, at: tuple[int, int], size: _Sizes) -> None:
    x, y = at
    lines = wrap(cell.words, size.small, size.width - (0 if cell.picture else size.gap), most=3) if cell.words else []
    if cell.picture is None:
        draw.rectangle((x, y, x + size.width - 1, y + size.height - 1), outline=(212, 212, 216))
        y += (size.height - len(lines) * size.small_line) // 2
    else:
        shown = cell.picture.convert("RGB")
        sheet.paste(shown.resize((size.width, size.height), Image.Resampling.LANCZOS), at)
        y += size.height
    _write(draw, lines, x + size.width / 2, y, size.small, middle=True, faint=True)


def _write(
    draw: ImageDraw.ImageDraw, lines: Sequence[str], x: float, y: float, size_px: int, *, middle: bool = False, faint: bool = False
) -> None:  # fmt: skip
    """Lines one below the other; `y` is the upper edge of the first."""
    for place, line in enumerate(lines):
        write(draw, (x, y + (place + 0.76) * LINE * size_px), line, size_px, FAINT if faint else INK, middle=middle)
