"""Write text in any script on an image, with bundled fonts, so that it looks the same everywhere.

Noto Sans is used where it has the letter (Latin, Greek and Cyrillic, and a font for each script that needs shaping), GNU Unifont
for everything else, including Chinese, Japanese and Korean. The font is chosen letter by letter; marks, spaces and punctuation
keep the font of the preceding letter.
"""

from __future__ import annotations

import lzma
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib import resources
from io import BytesIO
from itertools import groupby

from PIL import ImageDraw, ImageFont

Colour = tuple[int, int, int]
INK, FAINT, PAPER = (24, 24, 27), (113, 113, 122), (255, 255, 255)
LATIN = "NotoSans-Regular.ttf.xz"
LAST = ("unifont-15.0.01.otf.xz", "unifont_upper-15.0.01.otf.xz")
"""For the Basic Multilingual Plane, and for the other planes."""
SHAPED = (
    "Arabic", "Armenian", "Bengali", "Devanagari", "Ethiopic", "Georgian", "Gujarati", "Gurmukhi", "Hebrew", "Kannada", "Khmer",
    "Lao", "Malayalam", "Myanmar", "Oriya", "Sinhala", "Tamil", "Telugu", "Thai",
)  # fmt: skip
"""Scripts with their own font, as the first word of the Unicode names of their letters."""
LINE = 1.45
"""Line height relative to the font size, with space for Yoruba's marks below and Devanagari's above."""


def write(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    size_px: int,
    fill: Colour = INK,
    *,
    middle: bool = False,
) -> None:
    """Write one line of `text`; `at` is the start of its base line, or its middle with `middle`."""
    x, y = at
    x -= width_of(text, size_px) / 2 if middle else 0
    for name, run in _runs(text):
        font = _font(name, size_px)
        draw.text((x, y), run, font=font, fill=fill, anchor="ls")
        x += font.getlength(run)


def width_of(text: str, size_px: int) -> float:
    """Return the width of one line in pixels."""
    return sum(_font(name, size_px).getlength(run) for name, run in _runs(text))


def wrap(text: str, size_px: int, width_px: float, most: int = 4) -> list[str]:
    """Break `text` into at most `most` lines no wider than `width_px`, at spaces and hyphens, or within a word if needed."""
    lines = [""]
    for unit in _units(text):
        longer = f"{lines[-1]}{unit}".strip()
        if width_of(longer, size_px) <= width_px:
            lines[-1] = longer
            continue
        rest = unit.strip()
        if lines[-1]:
            lines.append("")
        while width_of(rest, size_px) > width_px and (fitting := _longest(rest, size_px, width_px)) < len(rest):
            lines[-1:] = [rest[:fitting], ""]
            rest = rest[fitting:]
        lines[-1] = rest
    if len(lines) <= most:
        return lines
    last = lines[most - 1]
    while last and width_of(f"{last}…", size_px) > width_px:
        last = last[:-1]
    return [*lines[: most - 1], f"{last.rstrip()}…"]


def _units(text: str) -> Iterator[str]:
    """Yield unbreakable units with the space before them: parts of words at hyphens; letters of scripts without spaces."""
    for word in text.split():
        together = any(unicodedata.east_asian_width(letter) == "W" for letter in word)
        first, *others = list(word) if together else re.findall(r"[^-]+-*|-+", word)
        yield from (f" {first}", *others)


def _longest(text: str, size_px: int, width_px: float) -> int:
    """Return how many letters of `text` fit, at least one; marks stay with their letter."""
    count = 1
    while count < len(text) and (
        width_of(text[: count + 1], size_px) <= width_px or unicodedata.category(text[count]).startswith("M")
    ):
        count += 1
    return count


def _runs(text: str) -> list[tuple[str, str]]:
    """Return runs of text with the font of each."""
    named: list[tuple[str, str]] = []
    for letter in unicodedata.normalize("NFC", text):
        stays = named and not unicodedata.category(letter).startswith("L") and _has(named[-1][0], letter)
        named.append((named[-1][0] if stays else _font_of(letter), letter))
    return [(name, "".join(letter for _, letter in run)) for name, run in groupby(named, key=lambda each: each[0])]


@cache
def _font_of(letter: str) -> str:
    script = unicodedata.name(letter, "?").split(" ")[0].capitalize()
    own = [f"NotoSans{script}-Regular.ttf.xz"] if script in SHAPED else []
    return next((name for name in (*own, LATIN, *LAST) if _has(name, letter)), LAST[0])


@cache
def _has(name: str, letter: str) -> bool:
    """Return whether a font has a letter: it looks different from a missing glyph. Invisible characters count as present."""
    font = _font(name, 32)
    return bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))


@cache
def _font(name: str, size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(BytesIO(_bytes(name)), size_px)


@cache
def _bytes(name: str) -> bytes:
    stored = (resources.files("hub.images") / "fonts" / name).read_bytes()
    return lzma.decompress(stored) if name.endswith(".xz") else stored
