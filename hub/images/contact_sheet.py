"""A contact sheet: several images in one, with labels and captions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image, ImageDraw

from hub.images.text_rendering import FAINT, INK, LINE, PAPER, wrap, write

MIN_PX = 160
"""Minimum width of images in pixels. Narrower ones are enlarged by an integer factor, so that captions fit."""


class SheetRow(NamedTuple):
    """Images side by side."""

    label: str
    """Text to the left of the images; lines after the first are in small type."""
    images: Sequence[Image.Image | None]
    """All of one size. None leaves a box with the caption."""
    captions: Sequence[str] = ()
    """One for each image, or none at all."""


def contact_sheet(rows: Sequence[SheetRow], columns: Sequence[str] = (), *, footer: str = "") -> Image.Image:
    """Return an image of rows under the headings `columns` and above `footer`. Without labels there is no label column."""
    size = _Sizes.of([image for row in rows for image in row.images])
    left = round(1.4 * size.width) + 2 * size.gap if any(row.label for row in rows) else size.gap
    width = left + max(len(row.images) for row in rows) * (size.width + size.gap)
    heads = [wrap(heading, size.text, size.width, most=3) for heading in columns]
    foot = wrap(footer, size.small, width - 2 * size.gap, most=3) if footer else []
    top = size.gap + max(map(len, heads)) * size.line if heads else 0
    start = top + size.gap // 2 if heads else size.gap
    heights = [size.height + _lines(row, size) * size.small_line + size.gap for row in rows]
    end = start + sum(heights)
    sheet = Image.new("RGB", (width, end + (len(foot) * size.small_line + size.gap if foot else 0)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, lines in enumerate(heads):
        middle = left + column * (size.width + size.gap) + size.width / 2
        _write(draw, lines, middle, top - len(lines) * size.line, size.text, middle=True)
    y = start
    for row, height in zip(rows, heights, strict=True):
        if row.label:
            _label(draw, row.label, y, left - 2 * size.gap, size)
        for column, image in enumerate(row.images):
            caption = row.captions[column] if row.captions else ""
            _paste(sheet, draw, image, caption, (left + column * (size.width + size.gap), y), size)
        y += height
    _write(draw, foot, size.gap, end, size.small, faint=True)
    return sheet


def square_rows(images: Sequence[Image.Image], captions: Sequence[str]) -> list[SheetRow]:
    """Split images into rows without labels that make a nearly square sheet."""
    columns = math.ceil(math.sqrt(len(images)))
    return [
        SheetRow("", images[first : first + columns], captions[first : first + columns])
        for first in range(0, len(images), columns)
    ]


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Sizes of images and fonts, in pixels."""

    width: int
    height: int
    text: int
    small: int

    @classmethod
    def of(cls, images: Sequence[Image.Image | None]) -> _Sizes:
        width, height = next((each.size for each in images if each is not None), (MIN_PX, MIN_PX))
        times = math.ceil(MIN_PX / width)
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


def _lines(row: SheetRow, size: _Sizes) -> int:
    """Return the number of caption lines below a row's images."""
    captions = row.captions or [""] * len(row.images)
    below = [caption for image, caption in zip(row.images, captions, strict=True) if image is not None and caption]
    return max((len(wrap(each, size.small, size.width, most=3)) for each in below), default=0)


def _label(draw: ImageDraw.ImageDraw, label: str, y: int, width: int, size: _Sizes) -> None:
    """Write a label, centred vertically beside a row of images."""
    words, _, note = label.partition("\n")
    title = wrap(words, size.text, width, most=max(1, size.height // size.line - 2))
    notes = wrap(note, size.small, width, most=2) if note else []
    start = y + (size.height - len(title) * size.line - len(notes) * size.small_line) / 2
    _write(draw, title, size.gap, start, size.text)
    _write(draw, notes, size.gap, start + len(title) * size.line, size.small, faint=True)


def _paste(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, image: Image.Image | None, caption: str, at: tuple[int, int], size: _Sizes
) -> None:  # fmt: skip
    x, y = at
    lines = wrap(caption, size.small, size.width - (0 if image else size.gap), most=3) if caption else []
    if image is None:
        draw.rectangle((x, y, x + size.width - 1, y + size.height - 1), outline=(212, 212, 216))
        y += (size.height - len(lines) * size.small_line) // 2
    else:
        shown = image.convert("RGB").resize((size.width, size.height), Image.Resampling.LANCZOS)
        sheet.paste(shown, at)
        y += size.height
    _write(draw, lines, x + size.width / 2, y, size.small, middle=True, faint=True)


def _write(
    draw: ImageDraw.ImageDraw, lines: Sequence[str], x: float, y: float, size_px: int, *, middle: bool = False, faint: bool = False
) -> None:  # fmt: skip
    """Write lines of text; `y` is the upper edge of the first."""
    for place, line in enumerate(lines):
        write(draw, (x, y + (place + 0.76) * LINE * size_px), line, size_px, FAINT if faint else INK, middle=middle)
