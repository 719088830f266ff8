"""Format tables, sizes and counts for a terminal."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence

GAP = "  "
NARROWEST = 8
"""Minimum width of a column that is cut to fit the terminal."""


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns: cut to the width of a terminal with bold headings, or in full to a pipe."""
    widths = [max(width(cell) for cell in column) for column in zip(headings, *rows, strict=True)]
    if sys.stdout.isatty():
        widths = fit(widths, shutil.get_terminal_size().columns)
    print(bold(_line(headings, widths)))
    for row in rows:
        print(_line(row, widths))


def bold(text: str) -> str:
    """Return `text` in bold, if the terminal supports it and NO_COLOR is not set (https://no-color.org)."""
    plain = not sys.stdout.isatty() or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return text if plain else f"\033[1m{text}\033[0m"


def width(text: str) -> int:
    """Return the terminal columns of `text`: two for a wide character, none for a combining mark."""
    return sum(_width_of(character) for character in text)


def fit(widths: Sequence[int], available: int) -> list[int]:
    """Shrink column widths to fit `available` columns, the widest first."""
    fitted = list(widths)
    while sum(fitted) + len(GAP) * (len(fitted) - 1) > available and max(fitted) > NARROWEST:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted


def size(size_bytes: int) -> str:
    """Format a size in decimal units, as the Hugging Face Hub does: `20.4 MB`."""
    amount = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def count(number: int, noun: str) -> str:
    """Format a number with its noun: `1 blob`, `1,204 blobs`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(_pad(cell, columns) for cell, columns in zip(cells, widths, strict=True)).rstrip()


def _pad(text: str, columns: int) -> str:
    if width(text) > columns:
        kept, used = "", 0
        for character in text:
            if used + _width_of(character) > columns - 1:
                break
            kept, used = kept + character, used + _width_of(character)
        text = f"{kept}…"
    return text + " " * (columns - width(text))


def _width_of(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
