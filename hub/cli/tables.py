"""How rows, numbers and sizes look in a terminal."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence

GAP = "  "
NARROWEST = 8
"""Columns of a terminal below which a table's column is not cut further."""


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns. A terminal gets columns cut to its width and bold headings; a pipe gets everything, plain."""
    widths = [max(width(cell) for cell in column) for column in zip(headings, *rows, strict=True)]
    if sys.stdout.isatty():
        widths = fit(widths, shutil.get_terminal_size().columns)
    print(bold(_line(headings, widths)))
    for row in rows:
        print(_line(row, widths))


def bold(text: str) -> str:
    """`text` as a heading, where the terminal can and the user wants (https://no-color.org)."""
    plain = not sys.stdout.isatty() or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return text if plain else f"\033[1m{text}\033[0m"


def width(text: str) -> int:
    """Terminal columns that `text` takes: two for a wide character, none for a combining mark."""
    return sum(_width_of(character) for character in text)


def fit(widths: Sequence[int], available: int) -> list[int]:
    """Column widths that fit into `available` columns; the widest give first."""
    fitted = list(widths)
    while sum(fitted) + len(GAP) * (len(fitted) - 1) > available and max(fitted) > NARROWEST:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted


def size(size_bytes: int) -> str:
    """`20.4 MB`: decimal units, as the Hugging Face Hub shows them."""
    amount = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(_padded(cell, columns) for cell, columns in zip(cells, widths, strict=True)).rstrip()


def _padded(text: str, columns: int) -> str:
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
