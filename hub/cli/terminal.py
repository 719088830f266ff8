"""Format tables, sizes and counts for a terminal."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Mapping, Sequence

GAP = "  "
NARROWEST = 20
"""Columns of the terminal that a shortened text keeps."""


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, drop: Sequence[str] = (), cut: Sequence[str] = ()
) -> None:
    """Print aligned columns, in full to a pipe, and with bold headings to a terminal.

    If they are wider than the terminal, the texts of the columns `cut` are shortened, then the columns `drop` are left out, least
    important first. Other columns, which hold names and numbers, are always whole.
    """
    shown = list(headings)
    widths = {heading: max(map(width, column)) for heading, *column in zip(headings, *([headings, *rows]), strict=True)}
    if sys.stdout.isatty():
        columns = shutil.get_terminal_size().columns
        pending = list(drop)
        while pending and _narrowest(shown, widths, cut) > columns:
            if (least := pending.pop(0)) in shown:
                shown.remove(least)
        free = columns - _narrowest(shown, widths, ())
        for heading in cut:
            if heading in shown and free < 0:
                kept = max(NARROWEST, widths[heading] + free)
                free += max(0, widths[heading] - kept)
                widths[heading] = min(widths[heading], kept)
    print(bold(_line(shown, [widths[heading] for heading in shown])))
    for row in rows:
        cells = dict(zip(headings, row, strict=True))
        print(_line([cells[heading] for heading in shown], [widths[heading] for heading in shown]))


def short_name(name: object) -> str:
    """Return `owner/name` of an artifact as people type it: without the owner `linguahub`, whose cards come with the installation."""
    return str(name).removeprefix("linguahub/")


def bold(text: str) -> str:
    """Return `text` in bold, if the terminal supports it and NO_COLOR is not set (https://no-color.org)."""
    plain = not sys.stdout.isatty() or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return text if plain else f"\033[1m{text}\033[0m"


def width(text: str) -> int:
    """Return the terminal columns of `text`: two for a wide character, none for a combining mark."""
    return sum(_width_of(character) for character in text)


def _narrowest(headings: Sequence[str], widths: Mapping[str, int], cut: Sequence[str]) -> int:
    """Return the columns of the terminal that a table needs if the texts in `cut` are as short as they may be."""
    each = [min(widths[heading], NARROWEST) if heading in cut else widths[heading] for heading in headings]
    return sum(each) + len(GAP) * (len(each) - 1)


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
