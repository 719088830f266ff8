"""Compare the short texts of two revisions line by line: cards, configurations and other texts."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hub.records import File
from hub.store import BlobStore
from hub.store.read_whole import read_whole

MAX_FILES = 8
"""Files that are compared for one page."""
MAX_BYTES = 64 << 10
"""Size of the largest text that is compared."""
MAX_LINES = 1000
"""Lines of the longest text that is compared."""
MAX_SHOWN_LINES = 200
"""Lines of a difference that are shown."""
MAX_LINE = 300
"""Characters of a line that are shown."""
_TEXTS = (".md", ".json", ".yaml", ".yml", ".txt", ".csv")
_KINDS = {"+": "added", "-": "removed", "@": "place"}


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a difference."""

    kind: str
    """`added`, `removed`, `place` or empty."""
    text: str


@dataclass(frozen=True, slots=True)
class TextDiff:
    """The difference of one file."""

    path: str
    lines: tuple[DiffLine, ...]
    is_whole: bool


def text_diffs(store: BlobStore, changes: Iterable[tuple[str, File | None, File | None]]) -> Iterator[TextDiff]:
    """Yield the differences of up to MAX_FILES texts, given as path, file before and file after."""
    left = MAX_FILES
    for path, before, after in changes:
        if left and path.lower().endswith(_TEXTS):
            first, second = _lines(store, before), _lines(store, after)
            if first is not None and second is not None:
                left -= 1
                yield _diff(path, first, second)


def _diff(path: str, before: list[str], after: list[str]) -> TextDiff:
    # Two lines of heading come first, which the page does not show.
    found = list(difflib.unified_diff(before, after, lineterm=""))[2:]
    lines = (DiffLine(_KINDS.get(line[:1], ""), line[:MAX_LINE]) for line in found[:MAX_SHOWN_LINES])
    return TextDiff(path, tuple(lines), len(found) <= MAX_SHOWN_LINES)


def _lines(store: BlobStore, file: File | None) -> list[str] | None:
    """Return the lines of a text; none without a file; None if it is too long, damaged or not a text."""
    if file is None:
        return []
    content = read_whole(store, file.digest, file.size_bytes) if file.size_bytes <= MAX_BYTES else None
    if content is None:
        return None
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        return None
    return lines if len(lines) <= MAX_LINES else None
