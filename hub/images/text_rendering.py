"""Letters of any script on a picture, with fonts that come with the project, so that pictures look alike everywhere.

Noto Sans where it has the letter (Latin, Greek and Cyrillic, and a font for each script whose letters change with their
neighbours); GNU Unifont for all else, Chinese, Japanese and Korean among it. What a line is written with is chosen letter by
letter; marks, spaces and punctuation stay with the letters beside them.
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
"""Unicode's first plane, and the others."""
SHAPED = (
    "Arabic", "Armenian", "Bengali", "Devanagari", "Ethiopic", "Georgian", "Gujarati", "Gurmukhi", "Hebrew", "Kannada", "Khmer",
    "Lao", "Malayalam", "Myanmar", "Oriya", "Sinhala", "Tamil", "Telugu", "Thai",
)  # fmt: skip
"""Scripts with a font of their own; the first word of the Unicode names of their letters."""
LINE = 1.45
"""Height of a line in sizes of its letters: room for Yoruba's marks below and Devanagari's above."""


def write(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    size_px: int,
    fill: Colour = INK,
    *,
    middle: bool = False,
) -> None:
    """One line of `text`; `at` is where its base line begins, or with `middle` the middle of its base line."""
    x, y = at
    x -= width_of(text, size_px) / 2 if middle else 0
    for name, run in _runs(text):
        font = _font(name, size_px)
        draw.text((x, y), run, font=font, fill=fill, anchor="ls")
        x += font.getlength(run)


def width_of(text: str, size_px: int) -> float:
    """Of one line, in pixels."""
    return sum(_font(name, size_px).getlength(run) for name, run in _runs(text))


def wrap(text: str, size_px: int, room_px: float, most: int = 4) -> list[str]:
    """`text` in lines no wider than `room_px`, broken at spaces and hyphens, within a word where it must be; at most `most`, then cut."""
    lines = [""]
    for unit in _units(text):
        longer = f"{lines[-1]}{unit}".strip()
        if width_of(longer, size_px) <= room_px:
            lines[-1] = longer
            continue
        rest = unit.strip()
        if lines[-1]:
            lines.append("")
        while width_of(rest, size_px) > room_px and (fitting := _longest(rest, size_px, room_px)) < len(rest):
            lines[-1:] = [rest[:fitting], ""]
            rest = rest[fitting:]
        lines[-1] = rest
    if len(lines) <= most:
        return lines
    last = lines[most - 1]
    while last and width_of(f"{last}…", size_px) > room_px:
        last = last[:-1]
    return [*lines[: most - 1], f"{last.rstrip()}…"]


def _units(text: str) -> Iterator[str]:
    """What a line does not break, with the space before it: parts of words at hyphens; letters of scripts without spaces."""
    for word in text.split():
        together = any(unicodedata.east_asian_width(letter) == "W" for letter in word)
        first, *others = list(word) if together else re.findall(r"[^-]+-*|-+", word)
        yield from (f" {first}", *others)


def _longest(text: str, size_px: int, room_px: float) -> int:
    """How many letters of `text` fit, one at least; marks are not torn from their letter."""
    count = 1
    while count < len(text) and (
        width_of(text[: count + 1], size_px) <= room_px or unicodedata.category(text[count]).startswith("M")
    ):
        count += 1
    return count


def _runs(text: str) -> list[tuple[str, str]]:
    """Neighbours of one font together."""
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
    """Whether it is drawn otherwise than what no font has; what is not seen at all counts as there."""
    font = _font(name, 32)
    return bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))


@cache
def _font(name: str, size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(BytesIO(_bytes(name)), size_px)


@cache
def _bytes(name: str) -> bytes:
    stored = (resources.files("hub.images") / "fonts" / name).read_bytes()
    return lzma.decompress(stored) if name.endswith(".xz") else stored
